// Turns a stream of token ids into pieces of text: never half a character, nothing that a stop string may swallow.

/** What a token adds. */
export interface AssembledText {
  /** Text that is certain; may be empty. */
  readonly text: string;
  /** A stop string is complete: `text` ends right before it, and nothing follows. */
  readonly isStopped: boolean;
}

/** No character has more UTF-8 bytes than this, and so no token sequence that forms one is longer. */
const MAX_CHARACTER_BYTES = 4;

export class TextAssembler {
  readonly #decode: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  #ids: number[] = [];
  #held = "";

  /** `decode` must give the text of any run of whole characters; `stops` are non-empty. */
  constructor(decode: (ids: readonly number[]) => string, stops: readonly string[]) {
    this.#decode = decode;
    this.#stops = stops;
  }

  push(id: number): AssembledText {
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    // An unfinished character decodes to U+FFFD at the end. After enough bytes it is no character at all.
    if (text.endsWith("\uFFFD") && this.#ids.length < MAX_CHARACTER_BYTES)
      return { text: "", isStopped: false };
    this.#ids = [];
    return this.#release(this.#held + text, false);
  }

  /** What is left when no token follows. */
  finish(): AssembledText {
    const rest = this.#held + (this.#ids.length > 0 ? this.#decode(this.#ids) : "");
    this.#ids = [];
    return this.#release(rest, true);
  }

  #release(text: string, isLast: boolean): AssembledText {
    this.#held = "";
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) return { text: text.slice(0, Math.min(...found)), isStopped: true };
    const keep = isLast ? 0 : this.#possibleStop(text);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), isStopped: false };
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
