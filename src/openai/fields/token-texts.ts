// A field that is one text or several, each as itself or as token ids.
import { isWholeIn } from "../../util/check.js";
import type { Fields } from "./fields.js";

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((id) => isWholeIn(id, { least: 0 }));

/** @throws ApiFailure. */
export function readTokenTexts(fields: Fields, name: string): readonly (string | readonly number[])[] {
  const value = fields.value(name);
  if (typeof value === "string" || isTokens(value)) return [value];
  const isText = (own: unknown): own is string | readonly number[] =>
    typeof own === "string" || isTokens(own);
  if (Array.isArray(value) && value.length > 0 && value.every(isText)) return value;
  throw fields.wrong(name, "a string, an array of token ids, or an array of either");
}
