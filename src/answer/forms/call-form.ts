// What a form of writing calls is: where a call begins, and how it is read. Types and what all forms share.
import { isRecord } from "../../util/json-value.js";
import type { CallRules, HeldFunction } from "./call-rules.js";

export interface ParsedCall {
  readonly name: string;
  /** JSON of an object. */
  readonly arguments: string;
}

/** The text with which a call begins. */
export interface Opening {
  readonly text: string;
  /** Whether it begins nothing else. Otherwise what follows is a call only if a function of that name was given. */
  readonly isCertain: boolean;
}

/** Calls and how much of the text they take; "more" while that is open; "none" if there is no call. */
export type CallReading =
  { readonly calls: readonly ParsedCall[]; readonly length: number } | "more" | "none";

/** What is said in words to a model whose template knows nothing of tools, and how earlier calls are written for it. */
export interface FormWords {
  /** How a call is to be written. The functions follow. */
  readonly request: string;
  call(name: string, given: unknown): string;
  /** What a function gave. */
  result(text: string): string;
}

/** A way of writing calls. What it says of a text never changes when more of the text comes, unless it said "more". */
export interface CallForm {
  readonly openings: readonly Opening[];
  /** Whether openings are special tokens, which are no part of a text unless they are asked for. */
  readonly hasSpecialTokens: boolean;
  readonly words: FormWords;
  /** Whether an answer that begins so, after white space, begins with a call without any opening. "more": too short to tell. */
  startsBare(text: string): boolean | "more";
  /** Reads what follows an opening. With `isEnd` nothing more will come, and "more" is no answer. */
  read(text: string, isEnd: boolean, opening: string): CallReading;
  /** Whether answers that are held to this form begin with calls that have no opening. */
  readonly holdsBare: boolean;
  /** The rules that hold an answer to calls of these functions, or with `isOne` to one call. `read` takes all that they derive. */
  hold(functions: readonly HeldFunction[], isOne: boolean, template: string | undefined): CallRules;
}

/** The form of answers that are held to it. What need not be a call is none there, as nobody has checked it. */
export const heldForm = (form: CallForm): CallForm => ({
  ...form,
  openings: form.openings.filter(({ isCertain }) => isCertain),
  startsBare: (text) => form.holdsBare && form.startsBare(text),
});

/** Whether `text` is that of a JSON object with a key: its first two signs tell. */
export function startsObject(text: string): boolean | "more" {
  return /^\{\s*$/.test(text) ? "more" : /^\{\s*"/.test(text);
}

/** The call that a value describes: { name, arguments } or { name, parameters }; undefined if it describes none. */
export function callOf(value: unknown): ParsedCall | undefined {
  if (!isRecord(value)) return undefined;
  const { name } = value;
  const given = value["arguments"] ?? value["parameters"] ?? {};
  const own = typeof given === "string" ? parseJson(given) : given;
  if (typeof name !== "string" || name === "" || !isRecord(own)) return undefined;
  return { name, arguments: JSON.stringify(own) };
}

/** The calls of a JSON object or of a list of them; undefined if any is none. */
export function callsOf(text: string): readonly ParsedCall[] | undefined {
  const value = parseJson(text);
  const calls = (Array.isArray(value) ? (value as unknown[]) : [value]).map(callOf);
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Where the JSON object or list that begins at `from` ends, or undefined if it does not end in `text`. */
export function endOfJson(text: string, from: number): number | undefined {
  let depth = 0;
  let isInText = false;
  for (let at = from; at < text.length; at++) {
    const sign = text[at]!;
    if (isInText) {
      if (sign === "\\") at++;
      else if (sign === '"') isInText = false;
    } else if (sign === '"') isInText = true;
    else if (sign === "{" || sign === "[") depth++;
    else if (sign === "}" || sign === "]") {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/** Where a marker stands, or -1. In the strings of JSON it is none, unless they are still open at the end of everything. */
export function findMarker(text: string, marker: string, isEnd: boolean): number {
  if (!/^\s*(?:\{|\[\s*\{)/.test(text)) return text.indexOf(marker);
  let isInText = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === '"') isInText = !isInText;
    else if (isInText) at += sign === "\\" ? 1 : 0;
    else if (text.startsWith(marker, at)) return at;
  }
  return isEnd ? text.indexOf(marker) : -1;
}
