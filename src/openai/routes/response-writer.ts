// Makes the output items of /v1/responses from the parts of an answer, with the events that a stream has for them.
// platform.openai.com/docs/api-reference/responses-streaming
import type { AnswerPart, CallPart } from "../../answer/answer-part.js";
import { newId } from "./new-id.js";

/** An event without its number. */
export type ResponseEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

type Item = Readonly<Record<string, unknown>>;

/** The item that is being written: a message, or thoughts. */
interface OpenItem {
  readonly kind: "text" | "reasoning";
  readonly id: string;
  text: string;
}

const contents = {
  text: (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] }),
  reasoning: (text: string) => ({ type: "reasoning_text", text }),
} as const;

const eventNames = { text: "response.output_text", reasoning: "response.reasoning_text" } as const;

export class ResponseWriter {
  readonly #items: Item[] = [];
  #open: OpenItem | undefined;

  /** The items that are complete. */
  get items(): readonly Item[] {
    return this.#items;
  }

  add(part: AnswerPart): ResponseEvent[] {
    return part.type === "call"
      ? [...this.#close(), ...this.#addCall(part)]
      : this.#addText(part.type, part.text);
  }

  /** An answer without any item has an empty message. `isCut`: whether it ended before the model did. */
  finish(isCut: boolean): ResponseEvent[] {
    if (this.#open || this.#items.length > 0) return this.#close(isCut);
    return [...this.#begin("text"), ...this.#close(isCut)];
  }

  #addText(kind: OpenItem["kind"], delta: string): ResponseEvent[] {
    const begun = this.#open?.kind === kind ? [] : [...this.#close(), ...this.#begin(kind)];
    this.#open!.text += delta;
    return [...begun, { type: `${eventNames[kind]}.delta`, ...this.#place(), delta, ...logprobs(kind) }];
  }

  #begin(kind: OpenItem["kind"]): ResponseEvent[] {
    this.#open = { kind, id: newId(kind === "text" ? "msg_" : "rs_"), text: "" };
    return [
      {
        type: "response.output_item.added",
        output_index: this.#items.length,
        item: this.#item("in_progress", []),
      },
      { type: "response.content_part.added", ...this.#place(), part: contents[kind]("") },
    ];
  }

  #close(isCut: boolean = false): ResponseEvent[] {
    if (!this.#open) return [];
    const { kind, text } = this.#open;
    const part = contents[kind](text);
    const item = this.#item(isCut ? "incomplete" : "completed", [part]);
    const events = [
      { type: `${eventNames[kind]}.done`, ...this.#place(), text, ...logprobs(kind) },
      { type: "response.content_part.done", ...this.#place(), part },
      { type: "response.output_item.done", output_index: this.#items.length, item },
    ];
    this.#items.push(item);
    this.#open = undefined;
    return events;
  }

  #addCall({ id: callId, name, arguments: given }: CallPart): ResponseEvent[] {
    const place = { item_id: newId("fc_"), output_index: this.#items.length };
    const item = (status: string, own: string): Item => ({
      type: "function_call",
      id: place.item_id,
      call_id: callId,
      name,
      arguments: own,
      status,
    });
    const whole = item("completed", given);
    this.#items.push(whole);
    return [
      {
        type: "response.output_item.added",
        output_index: place.output_index,
        item: item("in_progress", ""),
      },
      { type: "response.function_call_arguments.delta", ...place, delta: given },
      { type: "response.function_call_arguments.done", ...place, name, arguments: given },
      { type: "response.output_item.done", output_index: place.output_index, item: whole },
    ];
  }

  /** Where the text of the open item is. */
  #place(): object {
    return { item_id: this.#open!.id, output_index: this.#items.length, content_index: 0 };
  }

  #item(status: string, content: readonly object[]): Item {
    const { kind, id } = this.#open!;
    return kind === "text"
      ? { type: "message", id, role: "assistant", status, content }
      : { type: "reasoning", id, summary: [], status, content };
  }
}

/** Deltas of texts have a list for them, which is empty as they are known at the end only. */
const logprobs = (kind: OpenItem["kind"]): object => (kind === "text" ? { logprobs: [] } : {});
