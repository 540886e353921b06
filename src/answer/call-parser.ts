// Takes the text of an answer apart into text and calls while it is written, in a model's form of calls. Text is passed on as soon as it
// can't be the beginning of a call, and a call as soon as it is whole. What looks like a call and is none is text.
import type { AnswerPart } from "./answer-part.js";
import type { CallForm, Opening } from "./forms/call-form.js";
import { heldEnd } from "./held-end.js";

const bare: Opening = { text: "", isCertain: false };

export interface CallParserOptions {
  readonly form: CallForm;
  /** The names of the functions that were given. */
  readonly names: ReadonlySet<string>;
  readonly newId: () => string;
}

export class CallParser {
  readonly #options: CallParserOptions;
  readonly #openings: readonly string[];
  #held = "";
  /** White space, and what separates calls: text if text follows, and nothing if a call does. */
  #gap = "";
  /** Set while what follows it is read. */
  #opening: Opening | undefined;
  /** Where the answer begins, and behind a call, calls need no opening in some forms. */
  #isAtStart = true;
  #isAfterCall = false;

  constructor(options: CallParserOptions) {
    this.#options = options;
    this.#openings = options.form.openings.map(({ text }) => text);
  }

  push(text: string): AnswerPart[] {
    this.#held += text;
    return this.#drain(false);
  }

  /** What was held back, when nothing follows. */
  finish(): AnswerPart[] {
    return this.#drain(true);
  }

  #drain(isEnd: boolean): AnswerPart[] {
    const parts: AnswerPart[] = [];
    const addText = (text: string): void => {
      if (text === "") return;
      parts.push({ type: "text", text: this.#gap + text });
      this.#gap = "";
      this.#isAtStart = false;
      this.#isAfterCall = false;
    };
    for (;;) {
      if (this.#opening) {
        if (!this.#readCalls(this.#opening, isEnd, parts, addText)) return parts;
        continue;
      }
      if (this.#isAtStart) {
        this.#skipGap();
        const isBare = this.#held === "" ? "more" : this.#options.form.startsBare(this.#held);
        if (isBare === "more" && !isEnd) return parts;
        if (isBare === true) {
          this.#opening = bare;
          continue;
        }
      }
      const found = this.#findOpening();
      const keep = isEnd || found ? 0 : heldEnd(this.#held, this.#openings);
      const text = this.#held.slice(0, found?.at ?? this.#held.length - keep);
      const body = text.trimEnd();
      addText(body);
      this.#gap += text.slice(body.length);
      this.#held = this.#held.slice(text.length + (found?.opening.text.length ?? 0));
      if (found) {
        this.#opening = found.opening;
        continue;
      }
      if (isEnd && !this.#isAfterCall && this.#gap !== "") {
        parts.push({ type: "text", text: this.#gap });
        this.#gap = "";
      }
      return parts;
    }
  }

  /** Reads what follows an opening. Returns whether it is decided what that is. */
  #readCalls(
    opening: Opening,
    isEnd: boolean,
    parts: AnswerPart[],
    addText: (text: string) => void,
  ): boolean {
    const { form, names, newId } = this.#options;
    const reading = form.read(this.#held, isEnd, opening.text);
    if (reading === "more") return false;
    this.#opening = undefined;
    if (reading === "none" || !(opening.isCertain || reading.calls.every(({ name }) => names.has(name)))) {
      this.#isAtStart = false;
      addText(opening.text);
      return true;
    }
    for (const call of reading.calls) parts.push({ type: "call", id: newId(), ...call });
    this.#held = this.#held.slice(reading.length);
    this.#gap = "";
    this.#isAtStart = true;
    this.#isAfterCall = true;
    return true;
  }

  #skipGap(): void {
    const [gap] = (this.#isAfterCall ? /^[ \t\r\n;,]*/ : /^[ \t\r\n]*/).exec(this.#held)!;
    this.#gap += gap;
    this.#held = this.#held.slice(gap.length);
  }

  /** The first opening in what is held. */
  #findOpening(): { readonly at: number; readonly opening: Opening } | undefined {
    let first: { readonly at: number; readonly opening: Opening } | undefined;
    for (const opening of this.#options.form.openings) {
      const at = this.#held.indexOf(opening.text);
      if (at >= 0 && (!first || at < first.at)) first = { at, opening };
    }
    return first;
  }
}
