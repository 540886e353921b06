// The files of a batch's results, a line each: what an earlier run left in them is kept, and what it left half written is cut away.
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { shorten } from "../terminal/command.js";
import { OptionError } from "../terminal/option-values.js";
import { isSuccess, readResult, type BatchResult } from "./batch-result.js";
import { readFileLines, textOfLine } from "./file-lines.js";

export interface ResultPaths {
  readonly output: string;
  /** Where requests that failed go. Without it, they go where the others do. */
  readonly errors?: string | undefined;
}

/** What an earlier run has left. */
export interface EarlierResults {
  /** The ids of results, by custom_id. */
  readonly ids: ReadonlyMap<string, string>;
  /** Of these, those of requests that failed. */
  readonly failed: number;
  /** For each file, how much of it is whole lines. */
  readonly wholeBytes: ReadonlyMap<string, number>;
}

/** Reads what is there, and changes nothing. @throws OptionError for files that are not of results. */
export async function readEarlierResults({ output, errors }: ResultPaths): Promise<EarlierResults> {
  const ids = new Map<string, string>();
  const wholeBytes = new Map<string, number>();
  let failed = 0;
  for (const file of errors === undefined ? [output] : [output, errors]) {
    let whole = 0;
    try {
      for await (const line of readFileLines(file)) {
        // A run was ended while it wrote this line.
        if (!line.isComplete) break;
        whole = line.endByte;
        const result = readResult(textOfLine(line) ?? "");
        if (!result)
          throw new OptionError(
            `${shorten(file)}, line ${line.number}: expected a result of an earlier run, received ${line.bytes.toString("utf8", 0, 40)}; name another file`,
          );
        ids.set(result.custom_id, result.id);
        if (!isSuccess(result)) failed++;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    wholeBytes.set(file, whole);
  }
  return { ids, failed, wholeBytes };
}

export class ResultFiles {
  readonly #output: FileHandle;
  readonly #errors: FileHandle;
  /** The last line that is being written: one after the other, so that none is within another. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(output: FileHandle, errors: FileHandle) {
    this.#output = output;
    this.#errors = errors;
  }

  /** Goes on behind the whole lines of what was there. */
  static async open({ output, errors }: ResultPaths, { wholeBytes }: EarlierResults): Promise<ResultFiles> {
    const first = await openBehind("--output", output, wholeBytes.get(output) ?? 0);
    try {
      const second =
        errors === undefined ? first : await openBehind("--errors", errors, wholeBytes.get(errors) ?? 0);
      return new ResultFiles(first, second);
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  /** Resolves when the operating system has the line: it is there even if this process is killed. */
  async add(result: BatchResult): Promise<void> {
    const file = isSuccess(result) ? this.#output : this.#errors;
    const before = this.#writing;
    // What fails once, such as on a disk that is full, fails for all that follow: nothing may come behind half a line.
    this.#writing = before.then(() => file.appendFile(`${JSON.stringify(result)}\n`));
    this.#writing.catch(() => undefined); // it is reported below, and by whatever follows it
    await this.#writing;
  }

  /** Resolves when all lines are on the disk. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined); // whoever added that line has got the failure
    for (const file of new Set([this.#output, this.#errors])) {
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    }
  }
}

async function openBehind(option: string, path: string, wholeBytes: number): Promise<FileHandle> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "a");
    await file.truncate(wholeBytes);
    return file;
  } catch (error) {
    throw new OptionError(
      `${option}: expected a file to write to, received ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
