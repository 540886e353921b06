// Takes an answer apart into thoughts and text while it is written. Models put what they think between <think> and </think>, in
// front of what they say; the same tags further on are text. Of the white space around the tags nothing is left.
import type { AnswerPart } from "./answer-part.js";
import { heldEnd } from "./held-end.js";

const OPEN = "<think>";
const CLOSE = "</think>";

/** Where thoughts begin: with the tag, at once because the prompt ends with the tag, or nowhere. */
export type ThoughtsBegin = "with-tag" | "at-once" | "never";

/** "before" the first tag, or "opened" and the white space after it; "closed" and the white space after that. */
type State = "before" | "opened" | "thinking" | "closed" | "text";

const firstStates: Readonly<Record<ThoughtsBegin, State>> = {
  "with-tag": "before",
  "at-once": "opened",
  never: "text",
};

export class ThoughtSplitter {
  #state: State;
  #held = "";

  constructor(begin: ThoughtsBegin) {
    this.#state = firstStates[begin];
  }

  push(piece: string): AnswerPart[] {
    this.#held += piece;
    return this.#drain(false);
  }

  /** What was held back, when nothing follows. */
  finish(): AnswerPart[] {
    return this.#drain(true);
  }

  #drain(isEnd: boolean): AnswerPart[] {
    const parts: AnswerPart[] = [];
    const add = (type: "reasoning" | "text", text: string): void => {
      if (text !== "") parts.push({ type, text });
    };
    for (;;) {
      const held = this.#held;
      const trimmed = held.replace(/^[ \t\r\n]+/, "");
      switch (this.#state) {
        case "before":
          if (trimmed.startsWith(OPEN)) {
            this.#go("opened", trimmed.slice(OPEN.length));
            break;
          }
          if (!isEnd && OPEN.startsWith(trimmed)) return parts;
          this.#go("text", held);
          break;
        case "opened":
          // Some models write the tag although the prompt has it.
          if (!isEnd && OPEN.startsWith(trimmed)) return parts;
          this.#go("thinking", trimmed.startsWith(OPEN) ? trimmed.slice(OPEN.length).trimStart() : trimmed);
          break;
        case "thinking": {
          const end = held.indexOf(CLOSE);
          if (end >= 0) {
            add("reasoning", held.slice(0, end).trimEnd());
            this.#go("closed", held.slice(end + CLOSE.length));
            break;
          }
          const certain = isEnd ? held : held.slice(0, held.length - heldEnd(held, [CLOSE])).trimEnd();
          add("reasoning", certain);
          this.#held = held.slice(certain.length);
          return parts;
        }
        case "closed":
          this.#held = trimmed;
          if (trimmed === "") return parts;
          this.#state = "text";
          break;
        case "text":
          add("text", held);
          this.#held = "";
          return parts;
      }
    }
  }

  #go(state: State, held: string): void {
    this.#state = state;
    this.#held = held;
  }
}

/**
 * Where the thoughts of an answer begin, by the end of the model's chat template: what it writes where the reply begins. Templates
 * that close the thoughts at once when they are told to, by `enable_thinking`, have a tag more that closes.
 */
export function thoughtsBegin(
  template: string | undefined,
  variables: Readonly<Record<string, unknown>> = {},
): ThoughtsBegin {
  const end = template?.slice(Math.max(0, template.lastIndexOf("add_generation_prompt"))) ?? "";
  const isOpen = end.split(OPEN).length > end.split(CLOSE).length;
  return isOpen && variables["enable_thinking"] !== false ? "at-once" : "with-tag";
}
