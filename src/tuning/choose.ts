// Chooses the kernels that a model uses on the adapter it runs on: see pick.ts for how one is picked.
import type { ElementType } from "../gpu/kernel.js";
import type { AdapterDescription, Queue } from "../gpu/queue.js";
import type { AttentionKernel, AttentionParam } from "../kernels/attention/attention.js";
import type { Activation, LinearInput, LinearKernel } from "../kernels/linear/linear.js";
import { rowOutput, type LinearParam } from "../kernels/linear/output.js";
import { fitsDevice, type AdapterKind, type SuitableRows } from "../kernels/workgroup-needs.js";
import type { Arithmetic, CacheFormat } from "../tensor/formats.js";
import {
  attentionSample,
  type AttentionSampleBinding,
  type AttentionSampleShape,
} from "./attention-sample.js";
import type { ByRows, KernelChoice } from "../kernels/by-rows.js";
import { attentionOptionsOf } from "../layers/attention.js";
import type { ModelDefinition } from "../model/definition.js";
import { presumedChoice } from "./presumed.js";
import { linearSample } from "./linear-sample.js";
import {
  pickKernel,
  type KernelPick,
  type KernelPlace,
  type PickOptions,
  type VerifiedKernel,
} from "./pick.js";
import { loadPart } from "../util/load-part.js";

/** The kernels of linear layers and of attention, each for dispatches of few rows and of many. */
export type KernelPicks = Readonly<Record<keyof KernelChoice, ByRows<KernelPick>>>;

export interface CandidateKernels {
  readonly linear: readonly LinearKernel[];
  readonly attention: readonly AttentionKernel[];
}

export interface ChooseOptions extends Pick<PickOptions, "tuneMs" | "verify" | "signal"> {
  readonly candidates: CandidateKernels;
  readonly activation: Activation;
  readonly element: ElementType;
  /** The arithmetic of the kernels in `candidates.linear`. */
  readonly arithmetic: Arithmetic;
  /** How generation stores keys and values. Attention in that format is verified too. */
  readonly cache: CacheFormat;
  /** The result of an earlier load with the same adapter and shapes. */
  readonly known: KernelPicks | undefined;
}

export interface ChosenKernels {
  readonly choice: KernelChoice;
  readonly picks: KernelPicks;
  /** Every kernel that was verified. */
  readonly verified: readonly VerifiedKernel[];
}

/** Throws DeviceError ("wrong-results") if all kernels of a place fail, CancelledError when `signal` aborts. */
export async function chooseKernels(
  queue: Queue,
  { shape, program }: ModelDefinition,
  options: ChooseOptions,
): Promise<ChosenKernels> {
  const presumed = presumedChoice(queue.adapter, options.arithmetic);
  const { known } = options;
  const verified: VerifiedKernel[] = [];
  // The places share the time. Those of few rows need little of it and leave the rest to the others.
  const endMs = performance.now() + options.tuneMs;
  let placesLeft = 4;
  const pick = <K extends { readonly name: string }, B extends string, P extends string>(
    place: KernelPlace<K, B, P>,
    before: KernelPick | undefined,
  ): Promise<{ readonly kernel: K; readonly pick: KernelPick }> => {
    const tuneMs = options.tuneMs > 0 ? Math.max(1, (endMs - performance.now()) / placesLeft--) : 0;
    return pickKernel(queue, place, { ...options, tuneMs, known: before }, verified);
  };

  const linear = (rows: keyof ByRows<unknown>): KernelPlace<LinearKernel, LinearInput | "Y", LinearParam> => {
    const { candidates, activation, element, arithmetic } = options;
    const fitting = candidates.linear.filter(({ needs }) => fitsDevice(needs, queue.device));
    return {
      name: `linear layers, ${rows} rows, ${element}`,
      candidates: candidatesOf(fitting, queue.adapter, presumed.linear[rows], rows),
      sample: linearSample(rows === "few" ? 1 : 128, shape.channelVectors, shape.hiddenVectors, element),
      trials: [
        {
          trial: async () =>
            (await loadPart(import("./trials.js"))).linearTrial(
              rows === "few" ? 5 : 70,
              activation,
              element,
              arithmetic,
            ),
          stagesOf: (kernel) => [kernel.variant(activation, element, rowOutput)],
        },
      ],
      usesWorkgroupMemory: ({ needs }) => needs.bytes > 0,
      stagesOf: (kernel) => [kernel.variant(activation, element, rowOutput)],
    };
  };
  const attention = (
    rows: keyof ByRows<unknown>,
  ): KernelPlace<AttentionKernel, AttentionSampleBinding, AttentionParam> => {
    // Layers may differ in what a row sees, but not in which kernel is fast.
    const { step } = program.attention[0]!;
    const kernelShape = attentionOptionsOf(shape, step);
    const fitting = options.candidates.attention.filter((kernel) =>
      fitsDevice(kernel.needs(kernelShape), queue.device),
    );
    const long = Math.min(256, shape.contextLength);
    const sampled: AttentionSampleShape =
      rows === "few"
        ? { lengths: [long], rows: "last" }
        : { lengths: Array.from({ length: 4 }, () => Math.ceil(long / 2)), rows: "all" };
    return {
      name: `attention, ${rows} rows, heads of ${shape.headWidth}`,
      candidates: candidatesOf(fitting, queue.adapter, presumed.attention[rows], rows),
      sample: attentionSample(sampled, shape, step),
      trials: (options.cache === "f16" ? (["f32", "f16"] as const) : (["f32"] as const)).map((keyValues) => ({
        trial: async () =>
          (await loadPart(import("./trials.js"))).attentionTrial(
            { lengths: [1, 5, 70], rows: rows === "few" ? "last" : "all" },
            shape,
            step,
            keyValues,
          ),
        stagesOf: (kernel) => kernel.stages(attentionOptionsOf(shape, step, keyValues)),
      })),
      usesWorkgroupMemory: (kernel) => kernel.needs(kernelShape).bytes > 0,
      stagesOf: (kernel) => kernel.stages(kernelShape),
    };
  };

  const linearFew = await pick(linear("few"), known?.linear.few);
  const attentionFew = await pick(attention("few"), known?.attention.few);
  const linearMany = await pick(linear("many"), known?.linear.many);
  const attentionMany = await pick(attention("many"), known?.attention.many);
  return {
    choice: {
      linear: { few: linearFew.kernel, many: linearMany.kernel },
      attention: { few: attentionFew.kernel, many: attentionMany.kernel },
    },
    picks: {
      linear: { few: linearFew.pick, many: linearMany.pick },
      attention: { few: attentionFew.pick, many: attentionMany.pick },
    },
    verified,
  };
}

/** Returns the kernels for this kind of adapter that suit, the presumed one first. If none is for it, or none suits, the others. */
function candidatesOf<K extends { readonly suits: SuitableRows; readonly isFor: AdapterKind }>(
  fitting: readonly K[],
  { isSoftware }: AdapterDescription,
  presumed: K,
  rows: keyof ByRows<K>,
): readonly K[] {
  const orAll = (kernels: readonly K[], all: readonly K[]): readonly K[] =>
    kernels.length > 0 ? kernels : all;
  const own = orAll(
    fitting.filter(({ isFor }) => (isFor === "software") === isSoftware),
    fitting,
  );
  const suiting = orAll(
    own.filter(({ suits }) => suits === "any" || suits === rows),
    own,
  );
  return suiting.toSorted((a, b) => Number(b === presumed) - Number(a === presumed));
}
