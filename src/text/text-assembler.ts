// Turns a stream of token ids into pieces of text: never half a character, nothing that a stop string may swallow.
// The pieces do not depend on where token boundaries fall, except for how much of the text each one has.

/** What a token adds. */
export interface AssembledText {
  /** Text that is certain; may be empty. */
  readonly text: string;
  /** A stop string is complete: `text` ends right before it, and nothing follows. */
  readonly isStopped: boolean;
}

/** What bytes decode to that form no character, or not yet. */
const REPLACEMENT = "\uFFFD";

export class TextAssembler {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  /** Ids at whose end a character may be unfinished, their text, and how much of that was passed on. */
  #ids: number[] = [];
  #text = "";
  #passed = 0;
  /** Text that may be the beginning of a stop string. */
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

  /** What is left when no token follows. */
  finish(): AssembledText {
    const rest = this.#held + this.#text.slice(this.#passed);
    this.#keep([], "");
    return this.#release(rest, true);
  }

  /** Where `id` continues no character of the ids before it, those are of no more use. */
  #forgetBefore(id: number, before: string): void {
    const own = this.#decode([id]);
    if (own !== "" && this.#text === before + own) this.#keep([id], own);
  }

  /** Everything but the last, perhaps unfinished, character of `text` has been passed on. */
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

  /** Where the stop string begins that is complete first, the longest of those that end together. */
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

  /** Length of the longest end of `text` with which a stop string begins. */
  #possibleStop(text: string): number {
    let longest = 0;
    for (const stop of this.#stops)
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
        if (text.endsWith(stop.slice(0, length))) longest = length;
    return longest;
  }
}
