// Runs one recorded pass after another, each with the current settings, so that a change shows in the next picture.
import type { Model, RunStats, Trace } from "../index.js";
import type { JobRequest } from "../jobs/score.js";

export interface WatchHooks {
  /** Returns what to run next; undefined ends it. */
  readonly next: () => Promise<{ readonly model: Model; readonly request: JobRequest } | undefined>;
  readonly show: (run: { readonly stats: RunStats; readonly trace: Trace }, request: JobRequest) => void;
  readonly signal: AbortSignal;
}

/** A pause after each pass, to have time to look. */
const REST_MS = 250;

/** Resolves once `next` returns undefined. @throws CancelledError when `signal` aborts. */
export async function watchPasses({ next, show, signal }: WatchHooks): Promise<void> {
  let texts: readonly string[] = [];
  let tokens: readonly (readonly number[] | Uint32Array)[] = [];
  for (let turn = await next(); turn; turn = await next()) {
    const { model, request } = turn;
    const { texts: asked, ...choices } = request;
    if (!areSame(asked, texts)) {
      tokens = (await model.score(asked, { signal })).map((score) => score.tokens);
      texts = asked;
    }
    const { stats, trace } = await model.forward(tokens, { ...choices, trace: true, signal });
    show({ stats, trace: trace! }, request);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
}

export function areSame(texts: readonly string[], others: readonly string[]): boolean {
  return texts.length === others.length && texts.every((text, index) => text === others[index]);
}
