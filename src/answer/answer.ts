// An answer while it is written: the pieces of a generation become thoughts, text and calls.
import type { Generation } from "../index.js";
import type { AnswerPart } from "./answer-part.js";
import { CallParser } from "./call-parser.js";
import { heldForm } from "./forms/call-form.js";
import { formNamed, type ToolFormat } from "./forms/find-form.js";
import type { ServedGeneration } from "./served-model.js";
import { ThoughtSplitter, type ThoughtsBegin } from "./thoughts.js";

export interface AnswerOptions {
  readonly thoughts: ThoughtsBegin;
  /** Called with every piece of the generation, before its parts are given. */
  readonly onPiece?: () => void;
  /** Left out where no functions are given: then nothing is a call. */
  readonly tools?: {
    readonly format: ToolFormat;
    readonly names: readonly string[];
    /** How many calls an answer may have; it ends with the last of them. Default: any number. */
    readonly mostCalls?: number;
    /** Whether the answer is held to the format. */
    readonly isHeld?: boolean;
  };
}

/** Why an answer ended: as a generation does, or because it is calls, which have to be answered first. */
export type AnswerReason = Generation["finishReason"] | "calls";

export interface AnswerEnd {
  readonly generation: Generation;
  readonly reason: AnswerReason;
}

/** Yields the parts of an answer as they come: one list for each piece of the generation, which may be empty. */
export async function* readAnswer(
  generation: ServedGeneration,
  { thoughts, tools, onPiece }: AnswerOptions,
): AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined> {
  const splitter = new ThoughtSplitter(thoughts);
  const form = tools && formNamed(tools.format);
  const parser = form
    ? new CallParser({
        form: tools.isHeld ? heldForm(form) : form,
        names: new Set(tools.names),
        newId: () => newCallId(tools.format),
      })
    : undefined;
  const mostCalls = tools?.mostCalls ?? Infinity;
  let calls = 0;
  const take = (parts: readonly AnswerPart[]): readonly AnswerPart[] => {
    const taken =
      calls >= mostCalls ? [] : parts.filter((part) => part.type !== "call" || ++calls <= mostCalls);
    // A text behind the last call that is allowed is none of the answer.
    const last = taken.findLastIndex(({ type }) => type === "call");
    return calls >= mostCalls ? taken.slice(0, last + 1) : taken;
  };
  const parse = (parts: readonly AnswerPart[]): AnswerPart[] =>
    parts.flatMap((part) => (parser && part.type === "text" ? parser.push(part.text) : [part]));
  for await (const piece of generation) {
    onPiece?.();
    yield take(parse(splitter.push(piece)));
    if (calls >= mostCalls) break; // which ends the generation
  }
  yield take([...parse(splitter.finish()), ...(parser?.finish() ?? [])]);
  const ended = await generation;
  const isCalls = calls >= mostCalls || (calls > 0 && ended.finishReason === "stop");
  return { generation: ended, reason: isCalls ? "calls" : ended.finishReason };
}

/** Names a call. Templates of Mistral take ids of nine letters and digits only. */
function newCallId(format: ToolFormat): string {
  const random = crypto.getRandomValues(new Uint8Array(format === "list" ? 9 : 24));
  const letters = Array.from(random, (byte) => signs[byte % signs.length]!).join("");
  return format === "list" ? letters : `call_${letters}`;
}

const signs = "abcdefghijklmnopqrstuvwxyz0123456789";
