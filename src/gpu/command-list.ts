// One submission while it is put together: dispatches in passes, copies, and the small data they need. Nothing touches the
// device before `submit`, which writes all parameters at once and encodes everything. Knows no tasks and no scheduler.
import type { GpuBuffer } from "./buffer.js";
import type { Bindable, Pipeline } from "./pipelines.js";
import type { Queue } from "./queue.js";
import type { TimestampSet } from "./timestamps.js";

/** Stands for the submission's table buffer, which exists only once the list is submitted. */
export const TABLES: unique symbol = Symbol("tables");

/** Entries of a row or block table, in the table buffer of the submission. */
export interface TableRange {
  readonly firstEntry: number;
  readonly count: number;
}

type Binding = Bindable | typeof TABLES;

type Command =
  | { readonly kind: "pass"; readonly label: string }
  | {
      readonly kind: "dispatch";
      readonly pipeline: Pipeline;
      readonly bindings: Readonly<Record<string, Binding>>;
      readonly paramsOffset: number;
      readonly grid: readonly [number, number, number];
    }
  | {
      readonly kind: "clear";
      readonly buffer: GpuBuffer;
      readonly fromBytes: number;
      readonly sizeBytes: number;
    }
  | {
      readonly kind: "copy";
      readonly from: GpuBuffer;
      readonly fromBytes: number;
      readonly to: GpuBuffer;
      readonly toBytes: number;
      readonly sizeBytes: number;
    };

/** Dynamic offsets are multiples of 256 bytes on every adapter. */
const PARAMS_ALIGNMENT_WORDS = 64;

export class CommandList {
  readonly queue: Queue;
  readonly #commands: Command[] = [];
  readonly #attached: { dispose(): void }[] = [];
  readonly #float = new Float32Array(1);
  readonly #bits = new Uint32Array(this.#float.buffer);
  readonly #passLabels: string[] = [];
  readonly #passPerDispatch: boolean;
  #dispatches = 0;

  /** With `passPerDispatch`, each dispatch gets a pass of its own, labelled with its kernel, so that it can be timed. */
  constructor(queue: Queue, passPerDispatch = false) {
    this.queue = queue;
    this.#passPerDispatch = passPerDispatch;
  }

  get dispatches(): number {
    return this.#dispatches;
  }

  /** The labels of the passes begun so far. Each is timed if `submit` gets a timestamp set. */
  get passLabels(): readonly string[] {
    return this.#passLabels;
  }

  /** Starts a compute pass; the dispatches that follow are in it. */
  beginPass(label: string): void {
    this.#passLabels.push(label);
    this.#commands.push({ kind: "pass", label });
  }

  /** Adds one dispatch. A grid with a zero adds nothing. */
  dispatch<B extends string, P extends string>(
    pipeline: Pipeline<B, P>,
    bindings: Readonly<Record<B, Binding>>,
    params: Readonly<Record<P, number>>,
  ): void {
    const { definition, constants } = pipeline.variant;
    const grid = definition.grid(params, constants);
    if (grid[0] * grid[1] * grid[2] === 0) return;
    if (this.#passPerDispatch) this.beginPass(definition.name);
    const { parameters } = pipeline;
    const upload = this.queue.params;
    const first = upload.reserve(parameters.length, PARAMS_ALIGNMENT_WORDS);
    const { words } = upload;
    for (let index = 0; index < parameters.length; index++) {
      const [name, type] = parameters[index]!;
      const value = params[name as P];
      if (type === "f32") this.#float[0] = value;
      words[first + index] = type === "f32" ? this.#bits[0]! : value;
    }
    this.#commands.push({
      kind: "dispatch",
      pipeline,
      bindings,
      paramsOffset: 4 * first,
      grid,
    });
    this.#dispatches++;
  }

  /** Sets bytes of a buffer to zero, after what was added before. */
  clear(buffer: GpuBuffer, fromBytes: number, sizeBytes: number): void {
    this.#commands.push({ kind: "clear", buffer, fromBytes, sizeBytes });
  }

  /** Copies bytes between buffers of this queue, after what was added before. */
  copy(from: GpuBuffer, fromBytes: number, to: GpuBuffer, toBytes: number, sizeBytes: number): void {
    this.#commands.push({ kind: "copy", from, fromBytes, to, toBytes, sizeBytes });
  }

  /** `drop` also disposes `owner`. */
  attach(owner: { dispose(): void }): void {
    this.#attached.push(owner);
  }

  /** Gives the list up: call it instead of `submit`, or after `submit` has failed. */
  drop(): void {
    this.queue.params.clear();
    this.queue.tables.clear();
    for (const owner of this.#attached) owner.dispose();
  }

  /** Encodes and submits. Does not wait. */
  submit(label: string, timestamps?: TimestampSet): void {
    const { queue } = this;
    const { pipelines } = queue;
    const params = queue.params.flush(PARAMS_ALIGNMENT_WORDS);
    const tables = queue.tables.flush();
    const encoder = queue.device.createCommandEncoder({ label });
    let pass: GPUComputePassEncoder | undefined;
    let passIndex = 0;
    let current: Pipeline | undefined;
    for (const command of this.#commands) {
      switch (command.kind) {
        case "pass": {
          pass?.end();
          const timing = timestamps?.writesOf(passIndex++);
          pass = encoder.beginComputePass({
            label: command.label,
            ...(timing ? { timestampWrites: timing } : {}),
          });
          current = undefined;
          break;
        }
        case "dispatch": {
          pass ??= encoder.beginComputePass({ label });
          if (current !== command.pipeline) pass.setPipeline(command.pipeline.raw);
          current = command.pipeline;
          pass.setBindGroup(0, pipelines.bindGroup(command.pipeline, params, tables, command.bindings), [
            command.paramsOffset,
          ]);
          pass.dispatchWorkgroups(...command.grid);
          break;
        }
        case "clear":
          pass?.end();
          pass = undefined;
          current = undefined;
          encoder.clearBuffer(command.buffer.raw, command.fromBytes, command.sizeBytes);
          break;
        case "copy":
          pass?.end();
          pass = undefined;
          current = undefined;
          encoder.copyBufferToBuffer(
            command.from.raw,
            command.fromBytes,
            command.to.raw,
            command.toBytes,
            command.sizeBytes,
          );
          break;
        default:
          command satisfies never;
      }
    }
    pass?.end();
    timestamps?.resolve(encoder, passIndex);
    queue.device.queue.submit([encoder.finish({ label })]);
  }
}
