// The job that the page and the headless commands do with a loaded model: score texts, find their likeliest next words, and
// record a schedule. Knows neither the page nor the commands. Its result is JSON.
import type { Fence, Model, Placement, RunStats, Score, Trace } from "../index.js";

export interface JobRequest {
  readonly texts: readonly string[];
  readonly sliceTokens: number;
  readonly queues: number;
  readonly fence: Fence;
  readonly placement: Placement | "auto";
}

export interface NextWord {
  readonly text: string;
  readonly probability: number;
}

/**
 * A token's text, and its log-probability given the tokens before it, in nats. The first token has none. Tokens that share a character
 * are one piece: a token may be a part of one, of which there is no text.
 */
export interface ScoredPiece {
  readonly text: string;
  readonly tokens: number;
  /** Of all its tokens together. */
  readonly logProbability: number | undefined;
}

export interface SentenceReport {
  readonly text: string;
  readonly pieces: readonly ScoredPiece[];
  readonly tokens: number;
  readonly perplexity: number;
  /** The likeliest next tokens, likeliest first. */
  readonly next: readonly NextWord[];
}

export interface JobReport {
  readonly sentences: readonly SentenceReport[];
  /** The figures of a forward pass without a trace, after one that warmed up. */
  readonly stats: RunStats;
  /** The trace of the same pass, run once more, because recording makes each stage a GPU pass of its own. */
  readonly trace: Trace;
}

/** What the job is doing. */
export type JobPhase = "scoring" | "measuring" | "recording";

export interface JobHooks {
  readonly signal?: AbortSignal;
  readonly onPhase?: (phase: JobPhase) => void;
  /** Called as soon as sentences are scored. What comes next in them is found later. */
  readonly onScored?: (sentences: readonly SentenceReport[]) => void;
}

const nextWords = 3;

export async function runJob(
  model: Model,
  { texts, ...choices }: JobRequest,
  { signal, onPhase, onScored }: JobHooks = {},
): Promise<JobReport> {
  const options = signal ? { ...choices, signal } : choices;
  onPhase?.("scoring");
  const scores = await model.score(texts, options);
  const tokens = scores.map((score) => score.tokens);
  const scored = await Promise.all(
    scores.map(async (score, index): Promise<SentenceReport> => ({
      text: texts[index]!,
      pieces: await piecesOf(model, texts[index]!, score),
      tokens: score.tokens.length,
      perplexity: score.perplexity,
      next: [],
    })),
  );
  onScored?.(scored);
  onPhase?.("measuring");
  const { stats } = await model.forward(tokens, options);
  onPhase?.("recording");
  const { logits, trace } = await model.forward(tokens, { ...options, trace: true });
  const sentences = await Promise.all(
    scored.map(async (own, index) => ({ ...own, next: await likeliestWords(model, logits[index]!) })),
  );
  return { sentences, stats, trace: trace! };
}

async function piecesOf(model: Model, text: string, score: Score): Promise<ScoredPiece[]> {
  // If the model has a begin token, it comes before the text's own tokens.
  const own = (await model.encode(text)).length;
  const first = score.tokens.length - own;
  const pieces: ScoredPiece[] = [];
  for (let at = first; at < score.tokens.length; at += pieces.at(-1)!.tokens) {
    const { text: words, tokens } = await readPiece(model, score.tokens.slice(at, at + MOST_BYTES));
    // The first token of all has no probability.
    const known = Array.from(score.logProbabilities.slice(Math.max(0, at - 1), at - 1 + tokens));
    const logProbability = known.length > 0 ? known.reduce((sum, nats) => sum + nats) : undefined;
    pieces.push({ text: words, tokens, logProbability });
  }
  return pieces;
}

/** A character has as many bytes at most, and a token at least one. */
const MOST_BYTES = 4;

/** The text of the first of some tokens, or of as many as it takes to have whole characters. */
async function readPiece(
  model: Model,
  tokens: readonly number[] | Uint32Array,
): Promise<{ readonly text: string; readonly tokens: number }> {
  for (let count = 1; count <= tokens.length; count++) {
    const text = await model.decode(tokens.slice(0, count));
    if (!text.includes("\uFFFD")) return { text, tokens: count };
  }
  // It stands in the text itself, or what follows is no character either.
  return { text: await model.decode([tokens[0]!]), tokens: 1 };
}

async function likeliestWords(model: Model, logits: Float32Array): Promise<NextWord[]> {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  const ids = Array.from(logits.keys())
    .toSorted((a, b) => logits[b]! - logits[a]!)
    .slice(0, nextWords);
  return Promise.all(
    ids.map(async (id) => ({
      text: await model.decode([id]),
      probability: Math.exp(logits[id]! - largest) / total,
    })),
  );
}
