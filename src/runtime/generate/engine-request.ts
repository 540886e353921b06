// A request for generation as the engine of a queue sees it.
import type { BanRules } from "./bans.js";
import type { Sampling } from "./sampling.js";

/** What the engine needs to know about a request, and its callbacks, which must not throw. */
export interface EngineRequest {
  readonly id: number;
  readonly prompt: readonly number[];
  /** What was generated before on other queues. */
  readonly generated?: readonly number[];
  readonly priority: number;
  /** The most tokens, including the prompt. */
  readonly maxLength: number;
  readonly sampling: Sampling;
  /** Undefined if nothing is banned at any time. */
  readonly bans?: BanRules | undefined;
  /** Whether its next token cannot be chosen before all tokens before it are known. */
  readonly needsTokens?: boolean;
  /** A bit per token that may come next. Default: all may. Only of requests that need their tokens. */
  readonly allowed?: Uint32Array | undefined;
  /** Resolves when the next token may be chosen, for requests that have to prepare for it. Called after `onToken`. */
  prepare?(token: number): Promise<boolean> | undefined;
  /** Whether another token is to be chosen in place of this one, which is no longer allowed. Called before `onToken`. */
  refuses?(token: number): boolean;
  /** Called for every step that computes rows of the request. */
  onStart(): void;
  /** Called when a token was chosen. Returning false ends the request. */
  onToken(token: number, logProbability: number | undefined): boolean;
  onError(error: unknown): void;
}
