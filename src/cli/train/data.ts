// Reads the texts of a training run from a file's content, and holds some of them out.
import { OptionError } from "../terminal/option-values.js";
import { isJsonLines, readLines, textKeys, textOf } from "../terminal/text-files.js";

/**
 * The texts of a data file. A file whose name ends in .json holds an array of strings, or of objects with a text, one that ends in
 * .jsonl holds one of these per line. In any other file, blank lines separate texts. `option` names the file in errors.
 * @throws OptionError.
 */
export function parseTexts(option: string, file: string, content: string): string[] {
  const texts = parseAny(option, file, content)
    .map((text) => text.trim())
    .filter((text) => text !== "");
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

function parseAny(option: string, file: string, content: string): string[] {
  if (/\.json$/i.test(file)) return parseArray(option, file, content);
  if (isJsonLines(file)) return readLines(content, file);
  return content.replaceAll("\r\n", "\n").split(/\n[ \t]*\n/);
}

function parseArray(option: string, file: string, content: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new OptionError(`${option}: ${file} is no JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  if (!Array.isArray(parsed)) throw new OptionError(`${option}: expected an array in ${file}`);
  return (parsed as readonly unknown[]).map((entry, index) => textOf(entry) ?? fail(option, file, index));
}

function fail(option: string, file: string, index: number): never {
  throw new OptionError(
    `${option}: entry ${index} of ${file}: expected a text, or an object with ${textKeys.join(", ")}`,
  );
}
