// Reads files of texts that callers hand to commands.
import { readFile } from "node:fs/promises";
import { isRecord } from "../../util/json-value.js";
import { OptionError } from "./option-values.js";

/** The keys under which an object may hold its text. The first one that exists is used. */
export const textKeys = ["text", "story", "prompt"] as const;

/** The text of a string, or of an object that has one. */
export function textOf(entry: unknown): string | undefined {
  if (typeof entry === "string") return entry;
  if (!isRecord(entry)) return undefined;
  return textKeys.map((key) => entry[key]).find((value) => typeof value === "string");
}

/** The content of a file, without the mark that some editors put before it. */
export async function readTextFile(file: string): Promise<string> {
  return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
}

export function isJsonLines(file: string): boolean {
  return /\.jsonl$/i.test(file);
}

/** The lines of a file, or of one that ends in .jsonl the texts of its lines. Empty lines are left out. @throws OptionError. */
export function readLines(content: string, file: string): string[] {
  return content.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    return isJsonLines(file) ? [parseLine(line, `${file}, line ${index + 1}`)] : [line];
  });
}

function parseLine(line: string, place: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new OptionError(`${place}: expected JSON, received ${line.slice(0, 40)}`);
  }
  const text = textOf(value);
  if (text !== undefined) return text;
  throw new OptionError(
    `${place}: expected a string, or an object with ${textKeys.join(", ")}, received ${line.slice(0, 40)}`,
  );
}
