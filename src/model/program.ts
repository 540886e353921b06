// A recipe with its values named: what every step reads and writes, and which values are read after their half of a segment.
// The forward pass, the backward pass and their memory all follow from it. Knows no GPU.
import {
  widthOf,
  type AttentionStep,
  type GateStep,
  type LinearStep,
  type LookUpStep,
  type NormStep,
  type Place,
  type Recipe,
  type RotaryStep,
  type ScaleStep,
} from "../families/recipe.js";
import type { ModelConfig } from "../families/model-config.js";
import { invariant } from "../util/invariant.js";
import { axisOf } from "./axis.js";

/** What one step writes. In a forward pass all values of a place share a buffer. In training each value has its own. */
export interface Value {
  /** Named after the step that writes it. The same in all layers. */
  readonly name: string;
  /** Undefined for values outside the layers. */
  readonly layer: number | undefined;
  readonly place: Place;
  /** Width of a row in vec4s. */
  readonly vectors: number;
  /** Whether it is read after its half of a segment. Such values are kept even with `recompute`. */
  isKept: boolean;
}

interface Placed {
  readonly layer: number | undefined;
  readonly input: Value;
  readonly output: Value;
  /** If the step adds, the value that it adds to. */
  readonly before: Value | undefined;
}

export interface ProgramLookUp extends Pick<Placed, "layer" | "output"> {
  readonly step: LookUpStep;
}

export interface ProgramNorm extends Placed {
  readonly step: NormStep;
  /** vec4s of what is normalised, and how many of these a row has: 1, or one per head. */
  readonly normVectors: number;
  readonly normsPerRow: number;
  /** Where the first of them begins in a row of the input, in vec4s. */
  readonly inputOffset: number;
}

export interface ProgramLinear extends Placed {
  readonly step: LinearStep;
  /** If the step applies the activation, what goes into it. Training keeps both. */
  readonly preActivation: Value | undefined;
  /** If the input came out of an activation, what went into that. Its gradient is formed instead of the input's. */
  readonly inputPreActivation: Value | undefined;
}

export interface ProgramGate extends Placed {
  readonly step: GateStep;
}

export interface ProgramScale extends Placed {
  readonly step: ScaleStep;
}

/** A step whose output's gradient becomes a contribution to that of one input. */
export type ProgramFlow = ProgramNorm | ProgramLinear | ProgramGate | ProgramScale;

export interface ProgramRotary {
  readonly step: RotaryStep;
  readonly layer: number;
  /** These two are the same as `values`, unless they are normalised. */
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  /** The queries with their positions. */
  readonly output: Value;
  readonly keyValue: Value;
}

export type ProgramStep = ProgramLookUp | ProgramFlow | ProgramRotary;

export interface ProgramAttention {
  readonly step: AttentionStep;
  readonly layer: number;
  readonly query: Value;
  readonly keyValue: Value;
  readonly output: Value;
}

/** Segment l: what follows the attention of layer l − 1 (or the embedding), then what leads to that of layer l (or the head). */
export interface ProgramSegment {
  readonly after: readonly ProgramStep[];
  readonly before: readonly ProgramStep[];
  /** Both, in order. */
  readonly steps: readonly ProgramStep[];
}

export interface Program {
  readonly segments: readonly ProgramSegment[];
  readonly attention: readonly ProgramAttention[];
  /** The last rows, which the head reads. */
  readonly final: Value;
  readonly values: readonly Value[];
}

export function buildProgram(recipe: Recipe, config: ModelConfig): Program {
  const program = nameValues(recipe, config);
  markKept(program);
  return program;
}

/** Walks the recipe forward: each step reads the newest value of the place it reads from. */
function nameValues(recipe: Recipe, config: ModelConfig): Program {
  const values: Value[] = [];
  const newest = new Map<Place, Value>();
  const preActivations = new Map<Value, Value>();
  const create = (name: string, layer: number | undefined, place: Place): Value => {
    const { vectors } = axisOf(widthOf(place, recipe), config);
    const value: Value = {
      name,
      layer,
      place,
      vectors,
      isKept: layer === undefined,
    };
    values.push(value);
    return value;
  };
  const read = (place: Place): Value => {
    const value = newest.get(place);
    invariant(value, `the recipe reads "${place}" before it is written`);
    return value;
  };

  const walk = (
    steps: Recipe["embed"],
    layer: number | undefined,
    last?: { name: string; layer: number | undefined },
  ): ProgramStep[] => {
    // The residual stream that a layer begins with has the same name in all of them, whatever step wrote it.
    const lastResidual = steps.findLastIndex((step) => step.kind !== "rotary" && step.to === "residual");
    return steps.map((step, index): ProgramStep => {
      if (step.kind === "rotary") return rotate(step, layer);
      invariant(
        step.to !== "query" && step.to !== "keyValue",
        `"${step.to}" is what queries, keys and values are taken apart to`,
      );
      const [name, own] =
        last && index === lastResidual ? [last.name, last.layer] : [nameOfStep(step), layer];
      if (step.kind === "lookUp") {
        const output = create(name, own, step.to);
        newest.set(step.to, output);
        return { step, layer, output };
      }
      const input = read(step.from);
      const before = step.kind !== "gate" && step.adds ? read(step.to) : undefined;
      if (step.kind !== "linear") {
        const output = create(name, own, step.to);
        newest.set(step.to, output);
        if (step.kind !== "norm") return { step, layer, input, output, before } as ProgramFlow;
        const normVectors = step.over === undefined ? input.vectors : axisOf(step.over, config).vectors;
        const inputOffset = step.behind === undefined ? 0 : axisOf(step.behind, config).vectors;
        const normsPerRow = Math.min(input.vectors - inputOffset, output.vectors) / normVectors;
        return { step, layer, input, output, before, normVectors, normsPerRow, inputOffset };
      }
      const preActivation = step.activates ? create(`${name}.preActivation`, own, step.to) : undefined;
      const output = create(name, own, step.to);
      if (preActivation) preActivations.set(output, preActivation);
      newest.set(step.to, output);
      return {
        step,
        layer,
        input,
        output,
        before,
        preActivation,
        inputPreActivation: preActivations.get(input),
      };
    });
  };

  const rotate = (step: RotaryStep, layer: number | undefined): ProgramRotary => {
    invariant(layer !== undefined, "queries, keys and values are taken apart within a layer");
    const sources = { queries: read(step.queries), keys: read(step.keys), values: read(step.values) };
    const output = create("turnedQuery", layer, "query");
    const keyValue = create("turnedKeyValue", layer, "keyValue");
    newest.set("query", output);
    newest.set("keyValue", keyValue);
    return { step, layer, ...sources, output, keyValue };
  };

  const layers = recipe.layers.length;
  const input = (layer: number): { name: string; layer: number | undefined } =>
    layer < layers ? { name: "input", layer } : { name: "output", layer: undefined };
  const segments: ProgramSegment[] = [];
  const attention: ProgramAttention[] = [];
  let after = walk(recipe.embed, undefined, input(0));
  for (const [layer, own] of recipe.layers.entries()) {
    segments.push(segmentOf(after, walk(own.beforeAttention, layer)));
    const [query, keyValue] = [read("query"), read("keyValue")];
    const output = create("attention", layer, "attention");
    newest.set("attention", output);
    attention.push({ step: own.attention, layer, query, keyValue, output });
    after = walk(own.afterAttention, layer, input(layer + 1));
  }
  segments.push(segmentOf(after, walk(recipe.finish, undefined)));
  return { segments, attention, final: read(recipe.output), values };
}

/**
 * Marks the values that are read in another half than the one that writes them. One half is what follows an attention, up to
 * the next layer; the other is the beginning of a layer with its attention. Either can be computed again from what is kept.
 */
function markKept({ segments, attention, final }: Program): void {
  const halves = segments.flatMap(({ after, before }, segment) => [
    { steps: after, attention: undefined },
    { steps: before, attention: attention[segment] },
  ]);
  const halfOf = new Map<Value, number>();
  const read = (value: Value, half: number): void => {
    if (halfOf.get(value) !== half) value.isKept = true;
  };
  for (const [half, { steps, attention: own }] of halves.entries()) {
    for (const step of steps) {
      if ("input" in step) {
        read(step.input, half);
        if (step.before) read(step.before, half);
      }
      if ("queries" in step) {
        for (const value of [step.queries, step.keys, step.values]) read(value, half);
        halfOf.set(step.keyValue, half);
      }
      if ("preActivation" in step) {
        // A step that reads the output of an activation also reads what went into it.
        if (step.inputPreActivation) read(step.inputPreActivation, half);
        if (step.preActivation) halfOf.set(step.preActivation, half);
      }
      halfOf.set(step.output, half);
    }
    if (!own) continue;
    read(own.query, half);
    read(own.keyValue, half);
    halfOf.set(own.output, half);
  }
  final.isKept = true;
}

/** A step's name among those of its layer. */
export function nameOfStep(step: ProgramStep["step"]): string {
  if (step.kind === "lookUp") return "embedding";
  if (step.kind === "rotary") return "rotary";
  return "role" in step ? step.role : step.name;
}

function segmentOf(after: readonly ProgramStep[], before: readonly ProgramStep[]): ProgramSegment {
  return { after, before, steps: [...after, ...before] };
}
