// The distribution from which a token is drawn, in float64: bias, penalties, temperature, top-k, top-p, min-p.
// The order and the meaning of the options are those of Hugging Face's logits processors and vLLM's sampling parameters;
// frequency and presence penalties count what was generated, the repetition penalty also the prompt.

export interface ChoiceReference {
  readonly logits: ArrayLike<number>;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly bias?: ReadonlyMap<number, number>;
  readonly prompt?: readonly number[];
  readonly generated?: readonly number[];
  /** The tokens that may be chosen. Default: all. */
  readonly allowed?: ReadonlySet<number>;
}

/** Logits after bias and penalties. */
export function penalisedLogits(inputs: ChoiceReference): number[] {
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = inputs;
  const { allowed, bias, prompt = [], generated = [] } = inputs;
  return Array.from(inputs.logits, (logit, token) => {
    if (allowed && !allowed.has(token)) return -Infinity;
    let value = logit + (bias?.get(token) ?? 0);
    const times = generated.filter((own) => own === token).length;
    if (times > 0 || prompt.includes(token))
      value = value > 0 ? value / repetitionPenalty : value * repetitionPenalty;
    return value - times * frequencyPenalty - (times > 0 ? presencePenalty : 0);
  });
}

/** The probability of every token; one token has it all when the temperature is 0. */
export function tokenDistribution(inputs: ChoiceReference): number[] {
  const { temperature, topK = 0, topP = 1, minP = 0 } = inputs;
  const logits = penalisedLogits(inputs);
  // Likeliest first, the lower id first among equals.
  const order = logits.map((_, token) => token).toSorted((a, b) => logits[b]! - logits[a]! || a - b);
  if (temperature === 0) return logits.map((_, token) => (token === order[0] ? 1 : 0));
  const highest = logits[order[0]!]!;
  const weights = logits.map((logit) => Math.exp((logit - highest) / temperature));
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const total = kept.reduce((sum, token) => sum + weights[token]!, 0);
  const nucleus: number[] = [];
  let mass = 0;
  for (const token of kept) {
    if (topP < 1 && mass >= topP * total) break;
    nucleus.push(token);
    mass += weights[token]!;
  }
  const drawn = new Set(nucleus.filter((token) => weights[token]! >= minP));
  const drawnMass = [...drawn].reduce((sum, token) => sum + weights[token]!, 0);
  return weights.map((weight, token) => (drawn.has(token) ? weight / drawnMass : 0));
}

/** The token that a uniform number in [0, 1) draws: the first, by id, whose cumulated probability exceeds it. */
export function drawToken(distribution: readonly number[], uniform: number): number {
  let mass = 0;
  let last = 0;
  for (const [token, probability] of distribution.entries()) {
    if (probability === 0) continue;
    mass += probability;
    last = token;
    if (mass > uniform) return token;
  }
  return last;
}

/** pcg3d (Jarzynski and Olano 2020, https://jcgt.org/published/0009/03/02/): a fraction in [0, 1) of 24 bits. */
export function uniformOf(seed: number, position: number): number {
  const mask = 0xffffffffn;
  const step = (value: bigint): bigint => (value * 1664525n + 1013904223n) & mask;
  let x = step(BigInt(seed) & mask);
  let y = step(BigInt(seed) >> 32n);
  let z = step(BigInt(position));
  const mix = (): void => {
    x = (x + y * z) & mask;
    y = (y + z * x) & mask;
    z = (z + x * y) & mask;
  };
  mix();
  x ^= x >> 16n;
  y ^= y >> 16n;
  z ^= z >> 16n;
  mix();
  return Number(x >> 8n) / 2 ** 24;
}
