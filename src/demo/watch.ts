// One recorded pass after another, as the form says at the moment: what one changes shows in the next picture.
import type { Model, RunStats, Trace } from "../index.js";
import type { JobRequest } from "../jobs/score.js";

export interface WatchHooks {
  /** What is to run next; undefined to end. */
  readonly next: () => Promise<{ readonly model: Model; readonly request: JobRequest } | undefined>;
  readonly show: (run: { readonly stats: RunStats; readonly trace: Trace }, request: JobRequest) => void;
  readonly signal: AbortSignal;
}

/** Time to look, where passes are fast. */
const REST_MS = 250;

/** Resolves once there is no next. @throws CancelledError when `signal` aborts. */
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
