// A request for generation as the step scheduler sees it: its tokens, how many are computed, and the pages it holds.

/** What a caller asks for. */
export interface SequenceRequest {
  readonly prompt: readonly number[];
  /** Tokens that it has got behind its prompt already. Default: none. */
  readonly generated?: readonly number[];
  /** Sequences of higher priority are admitted first and put back last. */
  readonly priority: number;
  /** The most tokens it can have, with the prompt. No row is computed that would give one more. */
  readonly maxLength: number;
  /** Whether its next token cannot be chosen before the host knows all tokens before it. */
  readonly needsTokens?: boolean;
}

export class Sequence {
  readonly id: number;
  readonly priority: number;
  readonly #maxLength: number;
  readonly needsTokens: boolean;
  /** The ids that the host knows: the prompt, and what was generated and read back. */
  readonly tokens: number[];
  /** The number of ids that were sampled on the GPU, or will be, and that the host does not know yet. */
  pending = 0;
  /** The number of tokens whose keys and values are in the cache, or will be once all submissions have run. */
  computed = 0;
  pages: number[] = [];
  /** The first of its pages that its next row sees at windowed layers. Those before may have been left to others there. */
  firstSeenPage = 0;

  constructor(id: number, request: SequenceRequest) {
    this.id = id;
    this.priority = request.priority;
    this.#maxLength = request.maxLength;
    this.needsTokens = request.needsTokens ?? false;
    this.tokens = [...request.prompt, ...(request.generated ?? [])];
  }

  /** The number of tokens, pending ones included. */
  get length(): number {
    return this.tokens.length + this.pending;
  }

  /** The number of rows to compute. The last possible token needs none, and one that is awaited has none yet. */
  get remaining(): number {
    const known = this.needsTokens ? this.tokens.length : this.length;
    return Math.min(known, this.#maxLength - 1) - this.computed;
  }

  /** Whether its next row is that of a sampled token or of the last token of its prompt. */
  get isDecoding(): boolean {
    return this.computed > 0 && this.remaining === 1;
  }
}

/** Whether `a` comes before `b`: by priority, then by arrival. */
export function isBefore(a: Sequence, b: Sequence): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.id < b.id);
}
