// Computes what a recipe says in float64, from the weights as they are read from files. It shows whether files are read right
// where no GPU is needed; whether a recipe is right is for the outputs that other people's code computed to say.
import type { ModelConfig } from "../../src/families/model-config.js";
import { widthOf, type Recipe, type Step } from "../../src/families/recipe.js";
import { axisOf } from "../../src/model/axis.js";
import type { Parameter } from "../../src/model/weights/parameters.js";
import type { FileWeight } from "../../src/model/weights/read-weights.js";
import { activations, type Activation } from "../reference/activation.js";
import { gateForward } from "../reference/gate.js";
import { normForward } from "../reference/norm.js";
import { rotaryForward } from "../reference/rotary.js";

const formulas: Readonly<Record<ModelConfig["activation"], Activation>> = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu: "gelu-erf",
  relu: "relu",
  silu: "silu",
};

/** Rows of outputs of every parameter, by its name. */
export type Weights = Map<string, Float64Array>;

/** Puts what was read into rows of outputs. */
export function collectWeight(weights: Weights, { tensor, values, firstOutput = 0 }: FileWeight): void {
  const count = values.length / tensor.inputs;
  for (const { parameter, firstOutput: first, count: outputs, outputAt } of tensor.parts) {
    const rows =
      weights.get(parameter.name) ?? new Float64Array(parameter.outputs.size * tensor.inputs).fill(NaN);
    weights.set(parameter.name, rows);
    for (let output = 0; output < outputs; output++) {
      const row = outputAt(output) - firstOutput;
      if (row < 0 || row >= count) continue;
      for (let input = 0; input < tensor.inputs; input++)
        rows[(first + output) * tensor.inputs + input] =
          values[tensor.order === "out,in" ? row * tensor.inputs + input : input * tensor.outputs + row]!;
    }
  }
}

/** Logits (T, V) of one sentence. */
export function runRecipe(
  { config, recipe }: { readonly config: ModelConfig; readonly recipe: Recipe },
  weights: Weights,
  parameters: readonly Parameter[],
  ids: readonly number[],
): Float64Array {
  const T = ids.length;
  const places = new Map<string, Float64Array>();
  const width = (place: string): number => axisOf(widthOf(place, recipe), config).size;
  const weightOf = (role: string, layer: number | undefined, part: "weight" | "bias"): Float64Array => {
    const parameter = parameters.find(
      (own) => own.role === role && own.layer === layer && own.part === part,
    )!;
    return weights.get(parameter.name) ?? new Float64Array(parameter.outputs.size);
  };
  const write = (place: string, values: Float64Array, adds: boolean): void => {
    const before = places.get(place);
    places.set(place, adds ? values.map((value, index) => before![index]! + value) : values);
  };
  const activate = activations[formulas[config.activation]];

  const multiply = (
    x: Float64Array,
    W: Float64Array,
    bias: Float64Array | undefined,
    N: number,
  ): Float64Array => {
    const K = W.length / N;
    const y = new Float64Array(T * N);
    for (let t = 0; t < T; t++)
      for (let n = 0; n < N; n++) {
        let sum = bias?.[n] ?? 0;
        for (let k = 0; k < K; k++) sum += x[t * K + k]! * W[n * K + k]!;
        y[t * N + n] = sum;
      }
    return y;
  };

  const run = (step: Step, layer: number | undefined): void => {
    switch (step.kind) {
      case "lookUp": {
        const C = width(step.to);
        const tokens = weightOf(step.tokens, layer, "weight");
        const positions =
          step.positions === undefined ? undefined : weightOf(step.positions, layer, "weight");
        const x = Float64Array.from({ length: T * C }, (_, index) => {
          const [t, c] = [Math.floor(index / C), index % C];
          return step.scale * tokens[ids[t]! * C + c]! + (positions?.[t * C + c] ?? 0);
        });
        return write(step.to, x, false);
      }
      case "norm": {
        const [own, all] = [width(step.from), width(step.to)];
        const C = step.over === undefined ? own : axisOf(step.over, config).size;
        const begin = step.behind === undefined ? 0 : axisOf(step.behind, config).size;
        // Of each row, as many as the result holds.
        const x = Float64Array.from(
          { length: T * all },
          (_, index) => places.get(step.from)![Math.floor(index / all) * own + begin + (index % all)]!,
        );
        const y = normForward({
          x,
          weight: weightOf(step.role, layer, "weight"),
          ...(step.bias === "never" ? {} : { bias: weightOf(step.role, layer, "bias") }),
          C,
          epsilon: config.normEpsilon,
          method: step.method,
          offset: step.gainOffset,
        });
        return write(step.to, y, step.adds);
      }
      case "linear": {
        const bias = step.bias === "never" ? undefined : weightOf(step.role, layer, "bias");
        const y = multiply(
          places.get(step.from)!,
          weightOf(step.role, layer, "weight"),
          bias,
          width(step.to),
        );
        return write(step.to, step.activates ? y.map(activate) : y, step.adds);
      }
      case "gate":
        return write(
          step.to,
          gateForward({
            x: places.get(step.from)!,
            F: width(step.to),
            activation: formulas[config.activation],
          }),
          false,
        );
      case "scale":
        return write(
          step.to,
          places.get(step.from)!.map((value) => step.factor * value),
          step.adds,
        );
      case "rotary": {
        const D = config.headWidth;
        const positions = ids.map((_, index) => index);
        const { rotation } = step;
        const turn = (x: Float64Array, heads: number): Float64Array =>
          rotation ? rotaryForward({ x, heads, D, positions, ...rotation }) : x;
        /** `size` numbers of every row, from `first` on. */
        const cut = (place: string, first: number, size: number): Float64Array => {
          const [own, result] = [width(place), new Float64Array(T * size)];
          for (let t = 0; t < T; t++)
            result.set(places.get(place)!.subarray(t * own + first, t * own + first + size), t * size);
          return result;
        };
        const [query, key] = [config.heads * D, config.keyValueHeads * D];
        write("query", turn(cut(step.queries, 0, query), config.heads), false);
        const keysBegin = step.keys === step.values ? query : 0;
        const keys = turn(cut(step.keys, keysBegin, key), config.keyValueHeads);
        const joined = cut(step.values, query, 2 * key);
        for (let t = 0; t < T; t++) joined.set(keys.subarray(t * key, (t + 1) * key), 2 * t * key);
        return write("keyValue", joined, false);
      }
      default:
        step satisfies never;
    }
  };

  for (const step of recipe.embed) run(step, undefined);
  for (const [layer, { beforeAttention, attention, afterAttention }] of recipe.layers.entries()) {
    for (const step of beforeAttention) run(step, layer);
    places.set("attention", attend(places.get("query")!, places.get("keyValue")!, config, attention, T));
    for (const step of afterAttention) run(step, layer);
  }
  for (const step of recipe.finish) run(step, undefined);
  const head = recipe.head!;
  const logits = multiply(
    places.get(recipe.output)!,
    weightOf(head.tied ? "tokens" : "head", undefined, "weight"),
    head.bias === "never" ? undefined : weightOf("head", undefined, "bias"),
    config.vocabularySize,
  );
  const { scale = 1, cap } = head;
  return logits.map((z) => (cap === undefined ? scale * z : cap * Math.tanh((scale * z) / cap)));
}

function attend(
  query: Float64Array,
  keyValue: Float64Array,
  { heads, keyValueHeads, headWidth: D }: ModelConfig,
  { scale, window = Infinity, cap }: Recipe["layers"][number]["attention"],
  T: number,
): Float64Array {
  const result = new Float64Array(T * heads * D);
  const width = 2 * keyValueHeads * D;
  for (let t = 0; t < T; t++)
    for (let h = 0; h < heads; h++) {
      const own = Math.floor(h / (heads / keyValueHeads)) * D;
      const scores: number[] = [];
      const first = Math.max(0, t - window + 1);
      for (let j = first; j <= t; j++) {
        let sum = 0;
        for (let d = 0; d < D; d++) sum += query[(t * heads + h) * D + d]! * keyValue[j * width + own + d]!;
        scores.push(cap === undefined ? scale * sum : cap * Math.tanh((scale * sum) / cap));
      }
      const most = Math.max(...scores);
      const exps = scores.map((score) => Math.exp(score - most));
      const total = exps.reduce((sum, value) => sum + value, 0);
      for (const [index, weight] of exps.entries())
        for (let d = 0; d < D; d++)
          result[(t * heads + h) * D + d]! +=
            (weight / total) * keyValue[(first + index) * width + width / 2 + own + d]!;
    }
  return result;
}
