// One request for generation as the step scheduler sees it: tokens, how far they are computed, the pages they hold.

/** What a caller asks for. */
export interface SequenceRequest {
  readonly prompt: readonly number[];
  /** Higher ones are admitted first and put back last. */
  readonly priority: number;
  /** The most tokens it can have, prompt included: no row is computed that would give one more. */
  readonly maxLength: number;
}

export class Sequence {
  readonly id: number;
  readonly priority: number;
  readonly #maxLength: number;
  /** Known ids: the prompt and what was generated and read back. */
  readonly tokens: number[];
  /** Ids that were or are being sampled on the GPU, but are not known to the host yet. */
  pending = 0;
  /** Tokens whose keys and values are in the cache, or will be when what is submitted has run. */
  computed = 0;
  pages: number[] = [];

  constructor(id: number, request: SequenceRequest) {
    this.id = id;
    this.priority = request.priority;
    this.#maxLength = request.maxLength;
    this.tokens = [...request.prompt];
  }

  /** All tokens, the pending ones included. */
  get length(): number {
    return this.tokens.length + this.pending;
  }

  /** Rows to compute: the last token that it can have needs none. */
  get remaining(): number {
    return Math.min(this.length, this.#maxLength - 1) - this.computed;
  }

  /** Its next row continues what was sampled, or is the last of its prompt. */
  get isDecoding(): boolean {
    return this.computed > 0 && this.remaining === 1;
  }
}

/** Whether `a` comes before `b`: by priority, then by arrival. */
export function isBefore(a: Sequence, b: Sequence): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.id < b.id);
}
