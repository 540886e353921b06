// What all commands have in common: print, write files, and end with one line about a failure.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { endWhenNobodyReads } from "./broken-pipe.js";
import { OptionError, usage } from "./option-values.js";

/**
 * What a module is doing, for a line on a terminal: it says "loading" of the model's files, and what it writes as a sentence is shown
 * as it is. `others` stands for all other steps.
 */
export function describeStep(words: string, model: string, others: string = words): string {
  if (words === "loading") return `Loading ${model}`;
  return /^[A-Z]/.test(words) ? words : others;
}

/** Prints lines, set apart from what was printed before. */
export function print(lines: readonly string[], output: NodeJS.WritableStream = process.stdout): void {
  output.write(`\n${lines.join("\n")}\n`);
}

export async function writeInto(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

export function shorten(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith("..") ? file : short;
}

/** Runs a command, whose name is used in messages. */
export async function runCommand(name: string, command: () => Promise<void>): Promise<void> {
  endWhenNobodyReads();
  try {
    await command();
  } catch (error) {
    const isOption = error instanceof OptionError;
    const advice = isOption ? ` (${usage(name)} --help lists the options)` : "";
    process.stderr.write(`weft: ${(error as Error).message}${advice}\n`);
    process.exitCode = isOption ? 2 : 1;
  }
}
