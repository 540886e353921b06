// Rotary positions as config.json describes them, in files of every age, turned into frequencies and a factor. Formulas:
// linear arxiv.org/abs/2306.15595; yarn arxiv.org/abs/2309.00071; longrope arxiv.org/abs/2402.13753; llama3: Llama 3.1's own.
import { isRecord } from "../util/json-value.js";
import type { ConfigReader } from "./config-reader.js";
import type { Rotation } from "./model-config.js";

export interface RotaryOptions {
  /** D: the width of a head. */
  readonly headWidth: number;
  /** M: the longest sentence that the file allows. */
  readonly contextLength: number;
  /** The context that the model was trained for before it was extended, if a key of its own says it. */
  readonly originalLength?: number | undefined;
  /** θ where the file does not say it. */
  readonly base: number;
  /** The part of a head that is turned, where the file does not say it. */
  readonly part?: number;
}

/** What the formulas need. */
interface Scaling extends RotaryOptions {
  /** The keys of the scaling, and where they are in config.json. */
  readonly keys: ConfigReader;
  readonly base: number;
  /** d: how many numbers of a head are turned. */
  readonly turned: number;
}

type Formula = (scaling: Scaling) => ReadRotation;

/** A rotation, and the longest sentence that it is computed for. */
export interface ReadRotation extends Rotation {
  readonly contextLength?: number;
}

const formulas: Readonly<Record<string, Formula>> = {
  default: (scaling) => ({ frequencies: plain(scaling), factor: 1 }),
  linear: (scaling) => {
    const factor = scaling.keys.positive("factor");
    return { frequencies: plain(scaling).map((own) => own / factor), factor: 1 };
  },
  llama3,
  yarn,
  longrope,
  su: longrope,
};

/**
 * Reads rotary positions. `kind` names the kind of layers whose parameters are read where a file has several: newer files keep
 * them in `rope_parameters`, flat or by kind of layer; older ones in `rope_theta` and `rope_scaling`.
 */
export function readRotation(keys: ConfigReader, options: RotaryOptions, kind?: string): ReadRotation {
  const { headWidth } = options;
  const [path, found] = parametersOf(keys, kind);
  const own = keys.within(path, { rope_theta: keys.keys["rope_theta"], ...found });
  if (own.has("llama_4_scaling_beta")) own.fail("llama_4_scaling_beta", "nothing");
  const part = own.has("partial_rotary_factor")
    ? own.positive("partial_rotary_factor")
    : keys.positive("partial_rotary_factor", options.part ?? 1);
  const turned = Math.trunc(headWidth * part);
  if (turned % 2 !== 0 || turned > headWidth || turned < 2)
    keys.fail(
      keys.has("head_dim") ? "head_dim" : "num_attention_heads",
      `heads of which an even number of ${headWidth} is turned, not ${turned}`,
    );
  const type = own.choice(own.has("rope_type") ? "rope_type" : "type", Object.keys(formulas), "default");
  return formulas[type]!({ ...options, keys: own, base: own.positive("rope_theta", options.base), turned });
}

/** Returns where the parameters are, and what they are. */
function parametersOf(
  keys: ConfigReader,
  kind: string | undefined,
): [path: string, found: Readonly<Record<string, unknown>>] {
  const { rope_parameters: own, rope_scaling: scaling } = keys.keys;
  const name = own === undefined || own === null ? "rope_scaling" : "rope_parameters";
  const found = own ?? scaling ?? {};
  if (!isRecord(found)) return keys.fail(name, "an object or null");
  const nested = kind === undefined ? undefined : found[kind];
  return isRecord(nested) ? [`${name}.${kind}.`, nested] : [`${name}.`, found];
}

/** θ^(−2i/d), i = 0…d/2−1. */
function plain({ base, turned }: Scaling): number[] {
  return Array.from({ length: turned / 2 }, (_, pair) => base ** ((-2 * pair) / turned));
}

/** Slow turns become slower by `factor`, fast ones stay, and those between are mixed. */
function llama3(scaling: Scaling): Rotation {
  const { keys } = scaling;
  const factor = keys.positive("factor");
  const [low, high] = [keys.positive("low_freq_factor"), keys.positive("high_freq_factor")];
  if (high <= low) keys.fail("high_freq_factor", `a number above low_freq_factor = ${low}`);
  const original = keys.size("original_max_position_embeddings");
  const frequencies = plain(scaling).map((own) => {
    const turns = (original * own) / (2 * Math.PI);
    if (turns > high) return own;
    if (turns < low) return own / factor;
    const share = (turns - low) / (high - low);
    return ((1 - share) * own) / factor + share * own;
  });
  return { frequencies, factor: 1 };
}

/** How yarn lets scores grow with the context. */
const growth = (scale: number, m: number): number => (scale <= 1 ? 1 : 0.1 * m * Math.log(scale) + 1);

function yarn(scaling: Scaling): Rotation {
  const { keys, base, turned } = scaling;
  const factor = keys.positive("factor");
  const original = originalOf(scaling);
  /** The pair that turns `count` times within the original context. */
  const pairOf = (count: number): number =>
    (turned * Math.log(original / (2 * Math.PI * count))) / (2 * Math.log(base));
  const isCut = keys.flag("truncate", true);
  const [first, last] = [pairOf(keys.positive("beta_fast", 32)), pairOf(keys.positive("beta_slow", 1))];
  const low = Math.max(isCut ? Math.floor(first) : first, 0);
  const high = Math.min(isCut ? Math.ceil(last) : last, turned - 1);
  const span = high === low ? 0.001 : high - low;
  const frequencies = plain(scaling).map((own, pair) => {
    const share = Math.min(Math.max((pair - low) / span, 0), 1);
    return (own / factor) * share + own * (1 - share);
  });
  const usual =
    keys.has("mscale") && keys.has("mscale_all_dim")
      ? growth(factor, keys.positive("mscale")) / growth(factor, keys.positive("mscale_all_dim"))
      : growth(factor, 1);
  return { frequencies, factor: keys.positive("attention_factor", usual) };
}

/**
 * Frequencies by a list of factors. There are two lists, for sentences up to the original context and for longer ones. weft
 * computes the first and ends the context there, as no key may depend on how long its sentence becomes.
 */
function longrope(scaling: Scaling): ReadRotation {
  const { keys, turned, contextLength } = scaling;
  const factors = keys.numbers("short_factor", turned / 2);
  const original = originalOf(scaling);
  const extended = keys.positive("factor", contextLength / original);
  const usual = extended <= 1 ? 1 : Math.sqrt(1 + Math.log(extended) / Math.log(original));
  return {
    frequencies: plain(scaling).map((own, pair) => own / factors[pair]!),
    factor: keys.positive("attention_factor", usual),
    contextLength: Math.min(contextLength, original),
  };
}

function originalOf({ keys, contextLength, originalLength }: Scaling): number {
  return originalLength ?? keys.optionalSize("original_max_position_embeddings") ?? contextLength;
}
