// What a request's text must be like, as the engine needs it: which tokens may come next.

/** Follows the tokens of one text. */
export interface TokenConstraint {
  /** A bit per token that may come next, the lowest first, V bits in all. */
  readonly allowed: Uint32Array;
  /** Whether nothing may follow but the end. */
  readonly isComplete: boolean;
  /** Whether the text could not be completed by `left` more tokens after this one, which is no longer allowed then. */
  refuses(token: number, left: number): boolean;
  /** Takes the next token, one that was allowed. Resolves when `allowed` is that of the token after it. */
  advance(token: number): Promise<void>;
  /** Frees its memory. */
  dispose(): void;
}
