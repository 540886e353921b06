// The parameter table. It lists every weight of a model once, with all that placing, uploading, saving, training and counting need
// to know about it. They are loops over its rows.
import type { RoleSource, TensorNames } from "../../families/family.js";
import type { ModelConfig } from "../../families/model-config.js";
import {
  widthOf,
  type AxisName,
  type Bias,
  type HeadStep,
  type Recipe,
  type Role,
  type Step,
} from "../../families/recipe.js";
import { gpuFormats, gpuMatrixBytes, isBlocks, PANEL, placesOf } from "../../tensor/blocks/gpu-layout.js";
import { weightElementBytes, type WeightFormat } from "../../tensor/formats.js";
import { invariant } from "../../util/invariant.js";
import { axisOf, type Axis } from "../axis.js";

/** The values of a parameter in a new model: normal with mean 0 and this deviation, or all the same. */
export type Start = { readonly deviation: number } | { readonly value: number };

/**
 * The part of a parameter that one buffer holds: `count` outputs from `first` on. Only vocabularies have several pieces, and products
 * that are joined from tensors of several formats.
 */
export interface Piece {
  /** Unique in a model. Buffers and checkpoints use it. */
  readonly name: string;
  readonly first: number;
  readonly count: number;
  /** Padded outputs: the row stride of a matrix (inputs, outputs), and the length of a vector. */
  readonly stride: number;
  /** Numbers in the buffer, padding included. */
  readonly elements: number;
  readonly format: WeightFormat;
}

/** One row of the table: a matrix, or a vector of biases or gains. */
export interface Parameter {
  readonly name: string;
  readonly role: Role;
  readonly layer: number | undefined;
  readonly part: "weight" | "bias";
  /** Undefined for a vector, which has outputs only. */
  readonly inputs: Axis | undefined;
  readonly outputs: Axis;
  /** "interleaved": (inputs/4, outputs, 4), as products read a matrix. "outputs first": a row per output, to be looked up whole. */
  readonly layout: "interleaved" | "outputs first";
  readonly source: RoleSource;
  /** Whether files have it: always, never, or some of them. Zeros are used if a file does not. */
  readonly stored: Bias;
  /** Whether weight decay applies: to matrices and embeddings, not to biases and norms. */
  readonly decays: boolean;
  readonly start: Start;
  readonly pieces: readonly Piece[];
}

/** The usual deviation of matrices and embeddings at the start. */
const DEVIATION = 0.02;

/** Whether no row or column of a matrix needs padding, but for outputs at the end, so that it may be quantised. */
export function isUnpadded({ inputs, outputs, layout }: Matrix): boolean {
  if (!inputs || layout !== "interleaved" || inputs.size !== 4 * inputs.vectors) return false;
  return outputs.groupWidth === outputs.size || outputs.size === 4 * outputs.vectors;
}

/** Consecutive outputs that are stored alike. */
export interface FormatRun {
  readonly outputs: number;
  readonly format: WeightFormat;
}

/** What the format of a matrix may depend on. */
export type Matrix = Pick<Parameter, "role" | "layer" | "inputs" | "outputs" | "layout">;

export interface TableOptions {
  /**
   * How matrices are stored on the GPU: all alike, or each, or its outputs, as is said of it. Vectors and learned positions are always
   * float32.
   */
  readonly format: WeightFormat | ((matrix: Matrix) => WeightFormat | readonly FormatRun[]);
  /** The most bytes of one binding. A larger vocabulary is split. Default: no bound. */
  readonly maxBindingBytes?: number;
}

/** Returns the parameters of a model, in an order that depends on its recipe alone. */
export function listParameters(
  config: ModelConfig,
  recipe: Recipe,
  names: TensorNames,
  { format, maxBindingBytes = Infinity }: TableOptions,
): readonly Parameter[] {
  const parameters: Parameter[] = [];
  const residual = { deviation: DEVIATION / Math.sqrt(2 * config.layers) };
  const axis = (name: AxisName): Axis => axisOf(name, config);

  const runsOf = (matrix: Matrix): readonly FormatRun[] => {
    const isStored = matrix.inputs && matrix.layout === "interleaved";
    const own = !isStored ? "f32" : typeof format === "string" ? format : format(matrix);
    return typeof own === "string" ? [{ outputs: matrix.outputs.size, format: own }] : own;
  };
  // The embedding, a head of its own and its bias are cut in the same places.
  let mostTokens: number | undefined;
  const most = (): number =>
    (mostTokens ??= mostTokensOf(
      axis("channels"),
      ["tokens", "head"].flatMap((role) =>
        runsOf({
          role,
          layer: undefined,
          inputs: axis("channels"),
          outputs: vocabulary,
          layout: "interleaved",
        }).map((run) => run.format),
      ),
      maxBindingBytes,
    ));

  const add = (
    role: Role,
    layer: number | undefined,
    more: Omit<Parameter, "name" | "role" | "layer" | "source" | "pieces">,
    runs: readonly FormatRun[] = runsOf({ role, layer, ...more }),
  ): void => {
    const source = names.roles[role];
    invariant(source, `the family names no tensor for "${role}"`);
    const name = `${layer === undefined ? "" : `layer-${layer}.`}${role}.${more.part}`;
    const pieces =
      more.outputs === vocabulary
        ? cutVocabulary(name, more, config, most(), runs[0]!.format)
        : runs.length === 1
          ? [wholePiece(name, more, runs[0]!.format)]
          : cutRuns(name, more, runs);
    parameters.push({ name, role, layer, source, pieces, ...more });
  };
  const vocabulary = axis("vocabulary");
  const matrix = (
    role: Role,
    layer: number | undefined,
    inputs: Axis,
    outputs: Axis,
    start: Start,
    stored: Bias = "always",
  ): void =>
    add(role, layer, {
      part: "weight",
      inputs,
      outputs,
      layout: "interleaved",
      stored,
      decays: true,
      start,
    });
  const vector = (
    role: Role,
    layer: number | undefined,
    part: Parameter["part"],
    outputs: Axis,
    stored: Bias,
    value: number,
    runs?: readonly FormatRun[],
  ): void =>
    add(
      role,
      layer,
      { part, inputs: undefined, outputs, layout: "interleaved", stored, decays: false, start: { value } },
      runs,
    );

  const addStep = (step: Step, layer: number | undefined): void => {
    switch (step.kind) {
      case "lookUp": {
        const channels = axis(widthOf(step.to, recipe));
        const start = { deviation: DEVIATION };
        matrix(step.tokens, layer, channels, vocabulary, start);
        const tables = [
          [step.positions, "positions"],
          [step.tokenTypes, "tokenTypes"],
        ] as const;
        for (const [role, rows] of tables)
          if (role !== undefined)
            add(role, layer, {
              part: "weight",
              inputs: channels,
              outputs: axis(rows),
              layout: "outputs first",
              stored: "always",
              decays: true,
              start,
            });
        return;
      }
      case "norm": {
        const width = axis(step.over ?? widthOf(step.from, recipe));
        vector(step.role, layer, "weight", width, "always", 1);
        vector(step.role, layer, "bias", width, step.bias, 0);
        return;
      }
      case "linear": {
        const outputs = axis(widthOf(step.to, recipe));
        const inputs = axis(widthOf(step.from, recipe));
        matrix(step.role, layer, inputs, outputs, step.adds ? residual : { deviation: DEVIATION });
        // A bias is cut where its matrix is.
        const runs = runsOf({ role: step.role, layer, inputs, outputs, layout: "interleaved" });
        const own = runs.map((run): FormatRun => ({ outputs: run.outputs, format: "f32" }));
        vector(step.role, layer, "bias", outputs, step.bias, 0, own);
        return;
      }
      case "gate":
      case "scale":
      case "rotary":
        return;
      default:
        step satisfies never;
    }
  };

  for (const step of recipe.embed) addStep(step, undefined);
  for (const [layer, { beforeAttention, afterAttention }] of recipe.layers.entries())
    for (const step of [...beforeAttention, ...afterAttention]) addStep(step, layer);
  for (const step of recipe.finish) addStep(step, undefined);
  const rows = axis(widthOf(recipe.output, recipe));
  const addHead = (steps: readonly HeadStep[], stored: Bias): void => {
    let inputs = rows;
    for (const step of steps) {
      if (step.kind === "linear") {
        const outputs = axis(step.to);
        matrix(step.role, undefined, inputs, outputs, { deviation: DEVIATION }, stored);
        inputs = outputs;
      } else vector(step.role, undefined, "weight", inputs, stored, 1);
      vector(step.role, undefined, "bias", inputs, step.bias === "never" ? "never" : stored, 0);
    }
  };
  if (recipe.head) {
    const { tied, bias, transform } = recipe.head;
    if (transform) addHead(transform, "optional");
    const stored = transform ? "optional" : "always";
    if (!tied) matrix("head", undefined, rows, vocabulary, { deviation: DEVIATION }, stored);
    vector("head", undefined, "bias", vocabulary, bias, 0);
  }
  if (recipe.classifier) addHead(recipe.classifier.steps, "always");
  return parameters;
}

/** Bytes of one replica of the weights on a GPU. */
export function weightBytes(parameters: readonly Parameter[]): number {
  let bytes = 0;
  for (const parameter of parameters)
    for (const piece of parameter.pieces) bytes += pieceBytes(parameter, piece);
  return bytes;
}

function pieceBytes({ inputs }: Parameter, { elements, count, format }: Piece): number {
  if (!isBlocks(format)) return elements * weightElementBytes[format];
  return gpuMatrixBytes(gpuFormats[format], { outputs: count, inputs: inputs!.size, panel: PANEL });
}

/** Bytes of one output of a matrix, in the buffer that has most of them. */
function outputBytes(format: WeightFormat, inputs: Axis): number {
  if (!isBlocks(format)) return 4 * inputs.vectors * weightElementBytes[format];
  const shape = { outputs: PANEL, inputs: inputs.size, panel: PANEL };
  return (4 * placesOf(gpuFormats[format], shape).quantWords) / PANEL;
}

/** Tokens that one binding holds of every matrix of these formats: fours, or whole panels of quantised ones. */
function mostTokensOf(inputs: Axis, formats: readonly WeightFormat[], maxBindingBytes: number): number {
  const bytes = Math.max(...formats.map((format) => outputBytes(format, inputs)));
  const tokens = Math.floor(Math.min(maxBindingBytes, Number.MAX_SAFE_INTEGER) / bytes);
  const step = formats.some(isBlocks) ? PANEL : 4;
  invariant(tokens >= step, `a binding holds no ${step} tokens`);
  return step * Math.floor(tokens / step);
}

/** Numbers in the model, as files hold them. */
export function countNumbers({ inputs, outputs }: Pick<Parameter, "inputs" | "outputs">): number {
  return (inputs?.size ?? 1) * outputs.size;
}

type Extent = Pick<Parameter, "inputs" | "outputs" | "layout">;

function wholePiece(name: string, { inputs, outputs, layout }: Extent, format: WeightFormat): Piece {
  const stride = 4 * outputs.vectors;
  if (!inputs) return { name, first: 0, count: outputs.size, stride, elements: stride, format };
  const elements =
    layout === "outputs first" ? outputs.size * 4 * inputs.vectors : 4 * inputs.vectors * stride;
  return { name, first: 0, count: outputs.size, stride, elements, format };
}

/** Cuts outputs without padding where their format changes. */
function cutRuns(name: string, { inputs }: Extent, runs: readonly FormatRun[]): Piece[] {
  let first = 0;
  return runs.map(({ outputs: count, format }) => {
    const elements = (inputs ? 4 * inputs.vectors : 1) * count;
    const piece = { name: `${name}@${first}`, first, count, stride: count, elements, format };
    first += count;
    return piece;
  });
}

/** Cuts a vocabulary into pieces of at most that many tokens. */
function cutVocabulary(
  name: string,
  { inputs }: Extent,
  { vocabularySize }: ModelConfig,
  most: number,
  format: WeightFormat,
): Piece[] {
  const pieces: Piece[] = [];
  for (let first = 0; first < vocabularySize; first += most) {
    const count = Math.min(most, vocabularySize - first);
    const stride = 4 * Math.ceil(count / 4);
    const elements = (inputs ? 4 * inputs.vectors : 1) * stride;
    pieces.push({ name: `${name}@${first}`, first, count, stride, elements, format });
  }
  return pieces;
}
