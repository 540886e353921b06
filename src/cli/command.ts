// What all commands do alike: name the model, print, write files, and end with a line that says what failed.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, relative } from "node:path";
import { OptionError } from "./option-values.js";

export const embedded = "tinystories-gpt2";

/** Where the page finds the model in `folder`; undefined for the embedded one. */
export function placeModel(folder: string | undefined): {
  readonly name: string;
  /** The URL of the model's folder. */
  readonly address: string;
  readonly folders: Readonly<Record<string, string>>;
} {
  return folder === undefined
    ? { name: embedded, address: `/${embedded}/`, folders: {} }
    : { name: basename(folder), address: "/model/", folders: { "/model/": folder } };
}

/** Lines, set apart from what was printed before. */
export function print(lines: readonly string[]): void {
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

export async function writeInto(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

export function shorten(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith("..") ? file : short;
}

/** Runs a command. `help`: the npm script whose --help lists the options. */
export async function runCommand(help: string, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    const isOption = error instanceof OptionError;
    const advice = isOption ? ` (npm ${help} -- --help lists the options)` : "";
    process.stderr.write(`weft: ${(error as Error).message}${advice}\n`);
    process.exitCode = isOption ? 2 : 1;
  }
}
