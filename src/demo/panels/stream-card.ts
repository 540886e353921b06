// Shows a text that is being written as a card: its words as they come, its progress, and a button that ends it.
import type { FinishReason, Generation } from "../../index.js";
import { create } from "../figure.js";
import { count } from "../../jobs/words.js";

export interface CardActions {
  readonly cancel: () => void;
  readonly remove: () => void;
}

const reasons: Readonly<Record<FinishReason, string>> = {
  stop: "ended by itself",
  length: "as long as allowed",
  abort: "cancelled",
};

/** A longer prompt is cut to its end, which is what the text continues. */
const mostShown = 300;

export class StreamCard {
  readonly element: HTMLElement;
  readonly #name: string;
  readonly #text = document.createTextNode("");
  readonly #state = create("span", "waiting", "state");
  readonly #amount = create("span", "", "amount");
  readonly #button = document.createElement("button");
  #isEnded = false;

  constructor(
    number: number,
    /** How its words are chosen. */
    choice: string,
    prompt: string,
    actions: CardActions,
  ) {
    this.#name = `text ${number}`;
    this.element = create("li", "", "stream");
    const header = document.createElement("header");
    header.append(create("h3", `Text ${number}`), this.#state);
    const words = document.createElement("p");
    words.append(
      create("span", prompt.length > mostShown ? `…${prompt.slice(1 - mostShown)}` : prompt, "given"),
      this.#text,
    );
    this.#amount.textContent = choice;
    this.#button.type = "button";
    this.#nameButton("Cancel");
    this.#button.addEventListener("click", () => (this.#isEnded ? actions.remove() : actions.cancel()));
    const footer = document.createElement("footer");
    footer.append(this.#amount, this.#button);
    this.element.append(header, words, footer);
  }

  add(piece: string): void {
    this.#text.data += piece;
    if (this.#state.textContent !== "writing") this.#show("writing", "writing");
  }

  end({ finishReason, usage, timings }: Generation): void {
    this.#finish(reasons[finishReason], "ended");
    const speed = timings.tokensPerSecond > 0 ? `, ${timings.tokensPerSecond.toFixed(0)} per second` : "";
    this.#amount.textContent += ` · ${count(usage.completionTokens, "token")}${speed}`;
  }

  fail(words: string): void {
    this.#finish("failed", "failed");
    this.#amount.textContent = words;
  }

  #finish(words: string, className: string): void {
    this.#isEnded = true;
    this.#show(words, className);
    this.#nameButton("Remove");
  }

  #show(words: string, className: string): void {
    this.#state.textContent = words;
    this.element.className = `stream ${className}`;
  }

  #nameButton(action: string): void {
    this.#button.textContent = action;
    this.#button.ariaLabel = `${action} ${this.#name}`;
  }
}
