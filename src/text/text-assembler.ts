// Turns a stream of token ids into pieces of text. A piece never ends in the middle of a character and contains nothing that
// may turn out to be part of a stop string. Token boundaries decide how the text is divided, and nothing else.

/** The text that a token adds. */
export interface AssembledText {
  /** Text that is certain. May be empty. */
  readonly text: string;
  /** Whether a stop string is complete. Then `text` ends right before it, and nothing follows. */
  readonly isStopped: boolean;
}

/** Bytes that do not form a character, or not yet, are decoded to this. */
const REPLACEMENT = "\uFFFD";

export class TextAssembler {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  /** Ids that may end within a character, their text, and how much of it was passed on. */
  #ids: number[] = [];
  #text = "";
  #passed = 0;
  /** Text that is held back because it may begin a stop string. */
  #held = "";

  /** `decode` must give the text of any run of whole characters; `stops` are non-empty. */
  constructor(decode: (ids: readonly number[]) => string, stops: readonly string[]) {
    this.#decode = decode;
    this.#stops = stops;
  }

  push(id: number): AssembledText {
    const before = this.#text;
    this.#ids.push(id);
    this.#text = this.#decode(this.#ids);
    const isOpen = this.#text.endsWith(REPLACEMENT);
    const certain = this.#text.slice(this.#passed, this.#text.length - (isOpen ? 1 : 0));
    this.#passed += certain.length;
    if (isOpen) this.#forgetBefore(id, before);
    else this.#keep([], "");
    return this.#release(this.#held + certain, false);
  }

  /** Returns what was held back, when no token follows. */
  finish(): AssembledText {
    const rest = this.#held + this.#text.slice(this.#passed);
    this.#keep([], "");
    return this.#release(rest, true);
  }

  /** Forgets the ids before `id` if it does not continue a character of theirs. */
  #forgetBefore(id: number, before: string): void {
    const own = this.#decode([id]);
    if (own !== "" && this.#text === before + own) this.#keep([id], own);
  }

  /** Keeps `ids`, whose `text` has been passed on except for its last, perhaps unfinished, character. */
  #keep(ids: number[], text: string): void {
    this.#ids = ids;
    this.#text = text;
    this.#passed = Math.max(0, text.length - 1);
  }

  #release(text: string, isLast: boolean): AssembledText {
    this.#held = "";
    const cut = this.#firstStop(text);
    if (cut !== undefined) return { text: text.slice(0, cut), isStopped: true };
    const keep = isLast ? 0 : this.#possibleStop(text);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), isStopped: false };
  }

  /** Where the first complete stop string begins. If several end together, the longest one. */
  #firstStop(text: string): number | undefined {
    let first: { readonly start: number; readonly end: number } | undefined;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      const end = start + stop.length;
      if (start < 0 || (first && (end > first.end || (end === first.end && start > first.start)))) continue;
      first = { start, end };
    }
    return first?.start;
  }

  /** The length of the longest end of `text` that is the beginning of a stop string. */
  #possibleStop(text: string): number {
    let longest = 0;
    for (const stop of this.#stops)
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
        if (text.endsWith(stop.slice(0, length))) longest = length;
    return longest;
  }
}
