// Reads the texts of a training run from a file's content, and holds some of them out.
import { OptionError } from "../terminal/option-values.js";

/** The keys under which an object may hold its text. The first one that exists is used. */
const textKeys = ["text", "story", "prompt"] as const;

/**
 * The texts of a data file. A file whose name ends in .json holds an array of strings, or of objects with a text. In any other
 * file, blank lines separate texts. `option` names the file in errors.
 * @throws OptionError.
 */
export function parseTexts(option: string, file: string, content: string): string[] {
  const texts = /\.json$/i.test(file) ? parseArray(option, file, content) : splitTexts(content);
  if (texts.length > 0) return texts;
  throw new OptionError(`${option}: ${file} has no text in it`);
}

/** Holds out the last `count` texts, the same ones whatever else is chosen. @throws OptionError. */
export function holdOut(
  texts: readonly string[],
  count: number,
): { readonly train: readonly string[]; readonly validation: readonly string[] } {
  if (count >= texts.length)
    throw new OptionError(
      `--hold-out: expected fewer than the ${texts.length} texts that there are, received "${count}"`,
    );
  return { train: texts.slice(0, texts.length - count), validation: texts.slice(texts.length - count) };
}

function splitTexts(content: string): string[] {
  return content
    .replaceAll("\r\n", "\n")
    .split(/\n[ \t]*\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

function parseArray(option: string, file: string, content: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new OptionError(`${option}: ${file} is no JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  if (!Array.isArray(parsed)) throw new OptionError(`${option}: expected an array in ${file}`);
  return (parsed as readonly unknown[])
    .map((entry, index) => textOf(entry) ?? fail(option, file, index))
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

function textOf(entry: unknown): string | undefined {
  if (typeof entry === "string") return entry;
  if (typeof entry !== "object" || entry === null) return undefined;
  const values = textKeys.map((key) => (entry as Readonly<Record<string, unknown>>)[key]);
  return values.find((value) => typeof value === "string");
}

function fail(option: string, file: string, index: number): never {
  throw new OptionError(
    `${option}: entry ${index} of ${file}: expected a text, or an object with ${textKeys.join(", ")}`,
  );
}
