// What all commands have in common: find the model, print, write files, and end with one line about a failure.
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { distFolder } from "../browser/dist-folder.js";
import { OptionError, usage } from "./option-values.js";
import type { Runtime } from "../browser/run-module.js";

export const embedded = "tinystories-gpt2";

/** Whether a path is that of a GGUF file, and not of a folder. */
export function isGgufPath(path: string): boolean {
  return /\.gguf$/i.test(path);
}

/** Where a module finds the model in `folder`, which may be a GGUF file. Undefined stands for the embedded one. */
export function placeModel(
  folder: string | undefined,
  runtime: Runtime,
): {
  readonly name: string;
  /** The URL of the model's folder in a page, its path in this process. */
  readonly address: string;
  readonly folders: Readonly<Record<string, string>>;
} {
  if (runtime === "node")
    return {
      name: folder === undefined ? embedded : basename(folder),
      address: folder ?? join(distFolder, embedded),
      folders: {},
    };
  if (folder !== undefined && isGgufPath(folder)) {
    const name = basename(folder);
    // Beside it may lie further parts.
    return { name, address: `/model/${encodeURIComponent(name)}`, folders: { "/model/": dirname(folder) } };
  }
  return folder === undefined
    ? { name: embedded, address: `/${embedded}/`, folders: {} }
    : { name: basename(folder), address: "/model/", folders: { "/model/": folder } };
}

/** Prints lines, set apart from what was printed before. */
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

/**
 * Ends the command quietly when nobody reads on, as in `… | head -1`: in the way of a signal where it handles them, so that
 * a browser is closed and a run of training keeps its checkpoint.
 */
function onOutputError({ code }: NodeJS.ErrnoException): void {
  // A terminal that was closed gives EIO, and sends SIGHUP itself.
  if (code === "EPIPE" && !process.emit("SIGTERM", "SIGTERM")) process.exit();
}

/** Runs a command, whose name is used in messages. */
export async function runCommand(name: string, command: () => Promise<void>): Promise<void> {
  process.stdout.on("error", onOutputError);
  try {
    await command();
  } catch (error) {
    const isOption = error instanceof OptionError;
    const advice = isOption ? ` (${usage(name)} --help lists the options)` : "";
    process.stderr.write(`weft: ${(error as Error).message}${advice}\n`);
    process.exitCode = isOption ? 2 : 1;
  }
}
