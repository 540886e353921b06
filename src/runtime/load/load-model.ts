// Loads a model: opens the queues, and streams the weights to each of them while the kernels are compiled.
import { ArgumentError, DeviceError } from "../../errors.js";
import type { GpuBuffer } from "../../gpu/buffer.js";
import { BufferUsage } from "../../gpu/flags.js";
import type { Queue } from "../../gpu/queue.js";
import { angleTable } from "../../layers/rotary.js";
import { attentionKernels, halfLinearKernels, linearKernels } from "../../kernels/registry.js";
import type { CandidateKernels } from "../../tuning/choose.js";
import { defineModel, type ModelDefinition } from "../../model/definition.js";
import { Forward } from "../../model/forward.js";
import {
  listParameters,
  weightBytes,
  type Parameter,
  type TableOptions,
} from "../../model/weights/parameters.js";
import { quantised } from "../../model/weights/file-formats.js";
import { compileForward } from "../../model/pipelines.js";
import { WeightPlacer, type PlacedPiece } from "../../model/weights/place.js";
import type { ModelShape } from "../../model/shape.js";
import { WeightsLoader } from "../../model/weights/model-weights.js";
import { FairTurns } from "../../schedule/fair-turns.js";
import { Pace } from "../../schedule/pace.js";
import type { WeightFormat } from "../../tensor/formats.js";
import { findTemplate } from "../../text/find-template.js";
import { throwIfAborted } from "../../util/signal.js";
import type { Family } from "../../families/family.js";
import type { ModelSource } from "../../files/source.js";
import type { Rotation } from "../../families/model-config.js";
import { ArenaPool } from "../../model/arena/arena-pool.js";
import { SUBMISSIONS_IN_FLIGHT, type LoadedModel, type Replica } from "./loaded-model.js";
import { unusedGenerationKeys } from "./generation-keys.js";
import { openModelFiles, type ModelFiles } from "./model-files.js";
import { openModelQueues } from "./open-model-queues.js";
import { checkSliceTokens } from "./check-input.js";
import { WeightsPrint } from "./weights-print.js";
import { checkChoice, checkWhole, checkWholeOrAuto } from "../../util/check.js";
import { describeVerification } from "../../tuning/tune.js";
import type { LoadOptions } from "./load-options.js";
import type { ModelInfo } from "./model-info.js";

/** The host keeps copies of what it hands to a device until the device settles, so wait for that after this many bytes. */
const SETTLE_BYTES = 64 * 2 ** 20;

/** `candidates` are the kernels to choose from, of the arithmetic that was asked for. `families`: those that are known. Default: all. */
export async function loadModel(
  source: ModelSource,
  options: LoadOptions,
  candidates: CandidateKernels = {
    linear: options.arithmetic === "f16" ? halfLinearKernels : linearKernels,
    attention: attentionKernels,
  },
  families?: readonly Family[],
): Promise<LoadedModel> {
  const startMs = performance.now();
  const { signal } = options;
  throwIfAborted(signal, "Loading the model");
  const queueCount = checkWholeOrAuto("queues", options.queues, "auto", {
    least: 1,
    most: 8,
    remedy: "Each queue is a GPU device with its own copy of the weights: 1 or 2 are usual.",
  });
  const files = await openModelFiles(source, families, signal, options);
  const { familyModel } = files;
  const { config, configFile } = familyModel;
  const sliceTokens = checkSliceTokens(options.sliceTokens, "auto", config.contextLength);
  const pageTokens = checkWhole("cachePageTokens", options.cachePageTokens, 16, {
    least: 4,
    most: 1024,
    multipleOf: 4,
    remedy: "Keys are read four at a time; 16 is usual.",
  });
  const cache = checkChoice("cache", options.cache, "f32", ["f32", "f16"]);
  const definition = defineModel(familyModel, pageTokens);
  const { shape } = definition;
  const arithmetic = checkChoice("arithmetic", options.arithmetic, "f32", ["f32", "f16"]);
  const asked = checkChoice("weights", options.weights, arithmetic, ["f32", "f16", "bf16", "q8", "q4"]);
  if (arithmetic === "f16") checkHalfWeights(asked);
  const isAsFiles = options.weights === undefined && arithmetic === "f32";
  const formatOf = isAsFiles
    ? await files.readFormats(signal)
    : asked === "q8" || asked === "q4"
      ? quantised(asked)
      : asked;
  const wholeParameters = parametersOf(definition, formatOf);
  const formats = matrixFormats(wholeParameters);
  const format = formats[0]!;
  files.checkTensors(wholeParameters);
  const replicaBytes = weightBytes(wholeParameters);
  const budgetBytes = options.memoryBudgetBytes ?? Infinity;
  checkBudget(budgetBytes, replicaBytes, queueCount === "auto" ? 1 : queueCount);
  checkBindingBytes(options.maxBindingBytes, shape);
  const { queues, kernels, gain } = await openModelQueues({
    count: queueCount,
    mayBeTwo: 2 * replicaBytes <= budgetBytes,
    target: { model: definition, format, arithmetic, cache, candidates },
    load: options,
  });
  const angles = await makeAngles(queues, definition);
  const bytesBefore = queues[0]!.memory.bytes;
  const leastBindingBytes = Math.min(...queues.map((queue) => queue.maxBindingBytes));
  const parameters = parametersOf(definition, formatOf, leastBindingBytes);
  const loaders = queues.map((queue) => new WeightsLoader(queue, parameters));
  try {
    const compiling = Promise.all(
      queues.map((queue) =>
        queue.guard(compileForward(queue, definition, parameters, kernels.choice, cache)),
      ),
    );
    compiling.catch(() => undefined); // reported below, after the weights or their failure
    const textFiles = await files.readTexts(signal);
    const print = new WeightsPrint();
    const unexpectedTensors = await uploadWeights({ files, parameters, queues, loaders, print }, options);
    options.onProgress?.({ phase: "compiling" });
    const pipelines = await compiling;
    throwIfAborted(signal, "Loading the model");
    const replicas = queues.map((queue, index): Replica => {
      const loader = loaders[index]!;
      const weights = loader.finish();
      return {
        queue,
        weights,
        forward: new Forward(definition, weights, pipelines[index]!, angles[index]!),
        arenas: new ArenaPool(queue, definition.fused),
        load: { turns: new FairTurns(SUBMISSIONS_IN_FLIGHT), pace: new Pace(), rows: 0 },
        disposeWeights: () => loader.dispose(),
      };
    });
    const loadMs = performance.now() - startMs;
    options.onProgress?.({ phase: "ready", elapsedMs: loadMs });
    const chatTemplate = findTemplate(textFiles, true);
    const info: ModelInfo = {
      config,
      adapter: queues[0]!.adapter,
      queues: queues.length,
      schedule: { queues: queueCount, sliceTokens, ...(gain ? { gain } : {}) },
      weights: format,
      arithmetic,
      cache,
      weightBytes: queues[0]!.memory.bytes - bytesBefore,
      loadMs,
      kernels: kernels.picks,
      ...(options.verify
        ? { verification: describeVerification(queues[0]!, kernels), verified: kernels.verified }
        : {}),
      ...(chatTemplate === undefined ? {} : { chatTemplate }),
      unexpectedTensors,
      unreadableFiles: textFiles.unreadable ?? {},
      unusedGenerationKeys: unusedGenerationKeys(textFiles.generationConfig),
      recoveries: 0,
    };
    return {
      definition,
      config,
      shape,
      replicas,
      textFiles,
      configFile,
      info,
      weightsPrint: print.toString(),
    };
  } catch (error) {
    const failure = queues.find((queue) => queue.failure)?.failure;
    for (const loader of loaders) loader.dispose();
    for (const queue of queues) queue.dispose();
    throw failure ?? error;
  }
}

const parametersOf = (
  { config, recipe, names }: ModelDefinition,
  format: TableOptions["format"],
  maxBindingBytes?: number,
): readonly Parameter[] =>
  listParameters(config, recipe, names, {
    format,
    ...(maxBindingBytes === undefined ? {} : { maxBindingBytes }),
  });

/** The formats of a model's matrices, that of the most numbers first. */
function matrixFormats(parameters: readonly Parameter[]): readonly WeightFormat[] {
  const numbers = new Map<WeightFormat, number>();
  for (const parameter of parameters)
    if (parameter.inputs)
      for (const { format, count } of parameter.pieces)
        numbers.set(format, (numbers.get(format) ?? 0) + count * parameter.inputs.size);
  return [...numbers].toSorted(([, a], [, b]) => b - a).map(([format]) => format);
}

/** A piece of the vocabulary has at least four tokens, so a smaller binding could not hold it. */
function checkBindingBytes(value: number | undefined, { channelVectors }: ModelShape): void {
  const least = 64 * channelVectors;
  if (value === undefined || value >= least) return;
  throw new ArgumentError({
    argument: "maxBindingBytes",
    expected: `a number of bytes of at least ${least}, four tokens of this model`,
    received: value,
    remedy: "Leave it out for the adapter's own limit.",
  });
}

/** With products in f16, weights in f32 would take twice the memory and be rounded in every product. */
function checkHalfWeights(format: string): void {
  if (format === "f16") return;
  throw new ArgumentError({
    argument: "weights",
    expected: '"f16", as the option arithmetic is',
    received: format,
    remedy: 'Leave it out, or load with arithmetic "f32".',
  });
}

function checkBudget(budgetBytes: number, replicaBytes: number, queues: number): void {
  if (!(budgetBytes > 0)) {
    throw new ArgumentError({
      argument: "memoryBudgetBytes",
      expected: "a number of bytes above 0",
      received: budgetBytes,
      remedy: "Leave it out for no budget.",
    });
  }
  if (replicaBytes * queues <= budgetBytes) return;
  throw new DeviceError({
    reason: "limit",
    problem: `The weights need ${replicaBytes} bytes on each of ${queues} queues, the budget is ${budgetBytes}`,
    remedy: 'Raise memoryBudgetBytes, load with fewer queues or with weights "f16", or use a smaller model.',
  });
}

/** The angles of every rotation, on every queue. They stay as long as the queue. */
async function makeAngles(
  queues: readonly Queue[],
  { config }: ModelDefinition,
): Promise<ReadonlyMap<Rotation, GpuBuffer>[]> {
  const tables = (config.rotations ?? []).map((own) => [own, angleTable(own, config.contextLength)] as const);
  if (tables.length === 0) return queues.map(() => new Map());
  try {
    return await Promise.all(
      queues.map(async (queue) => {
        const buffers = new Map<Rotation, GpuBuffer>();
        await queue.checked(() => {
          for (const [rotation, table] of tables) {
            const usage = BufferUsage.storage | BufferUsage.copyTarget;
            const buffer = queue.createBuffer("angles", table.byteLength, usage);
            queue.device.queue.writeBuffer(buffer.raw, 0, table);
            buffers.set(rotation, buffer);
          }
        });
        return buffers;
      }),
    );
  } catch (error) {
    for (const queue of queues) queue.dispose();
    if (error instanceof DeviceError && error.reason === "out-of-memory")
      throwOutOfMemory(error, queues.length);
    throw error;
  }
}

/** Streams every tensor to every queue. Returns the names of tensors that the model has no use for. */
async function uploadWeights(
  upload: {
    readonly files: ModelFiles;
    readonly parameters: readonly Parameter[];
    readonly queues: readonly Queue[];
    readonly loaders: readonly WeightsLoader[];
    readonly print: WeightsPrint;
  },
  { signal, onProgress }: LoadOptions,
): Promise<readonly string[]> {
  const { files, parameters, queues, loaders, print } = upload;
  const placer = new WeightPlacer();
  let unexpected: readonly string[] = [];
  let accepted: Promise<void>[] = [];
  const settle = async (): Promise<void> => {
    const waits = [...accepted, ...loaders.map((loader) => loader.settle())];
    accepted = [];
    await Promise.all(waits);
  };
  const weights = files.readWeights(parameters, {
    signal,
    onProgress,
    onNotStored: onProgress,
    onUnexpected: (names) => (unexpected = names),
  });
  const uploadPlaced = (placed: PlacedPiece): void => {
    print.add(placed);
    for (const [index, queue] of queues.entries()) {
      const uploaded = queue.checked(() => loaders[index]!.add(placed));
      uploaded.catch(() => undefined); // reported when they settle, unless reading fails before
      accepted.push(uploaded);
    }
  };
  try {
    for await (const weight of weights) {
      throwIfAborted(signal, "Loading the model");
      for (const placed of placer.place(weight)) uploadPlaced(placed);
      if (loaders[0]!.uploadedBytes > SETTLE_BYTES) await settle();
    }
    for (const placed of placer.finish()) uploadPlaced(placed);
    await settle();
  } catch (error) {
    if (error instanceof DeviceError && error.reason === "out-of-memory")
      throwOutOfMemory(error, queues.length);
    throw error;
  }
  return unexpected;
}

function throwOutOfMemory(cause: DeviceError, queues: number): never {
  throw new DeviceError({
    reason: "out-of-memory",
    problem: `The GPU has no room for the weights on ${queues} queues`,
    remedy:
      'Load with fewer queues or with weights "f16", close other pages that use the GPU, or use a smaller model.',
    cause,
  });
}
