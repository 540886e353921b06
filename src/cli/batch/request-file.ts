// The file of a batch's requests: checked as a whole before any is answered, then read again, a few lines at a time.
import { thousands } from "../../jobs/words.js";
import { shorten } from "../terminal/command.js";
import { OptionError } from "../terminal/option-values.js";
import { BatchRequestError, parseRequest, type BatchRequest } from "./batch-request.js";
import { resultId } from "./batch-result.js";
import { readFileLines, textOfLine, type FileLine } from "./file-lines.js";

/** A file that can't be run, with what is wrong in which lines. */
export class BatchFileError extends OptionError {
  override name = "BatchFileError";
  readonly problems: readonly string[];

  /** `count`: of all problems, of which `problems` are the first. */
  constructor(file: string, problems: readonly string[], count: number) {
    const more = count > problems.length ? [`and ${thousands(count - problems.length)} more like these`] : [];
    super([`--input: ${shorten(file)} can't be run`, ...problems, ...more].join("\n  "));
    this.problems = problems;
  }
}

export interface RequestCount {
  readonly all: number;
  /** Those that have no result yet. */
  readonly left: number;
}

/** So many problems are shown. */
const MOST_PROBLEMS = 20;

/**
 * Looks at every line, and keeps nothing of it but its custom_id. `results`: ids of results that there are, by custom_id; each has to
 * be that of a request of this file. @throws BatchFileError.
 */
export async function checkRequests(
  file: string,
  results: ReadonlyMap<string, string>,
): Promise<RequestCount> {
  const problems: string[] = [];
  let count = 0;
  const note = (problem: string): void => {
    if (count++ < MOST_PROBLEMS) problems.push(problem);
  };
  const seen = new Map<string, number>();
  let found = 0;
  for await (const line of linesOf(file)) {
    try {
      const request = parseLine(line);
      const { customId } = request;
      const before = seen.get(customId);
      if (before !== undefined)
        throw new BatchRequestError(
          `custom_id: expected one of its own, received "${customId}", which line ${before} has`,
        );
      seen.set(customId, line.number);
      const result = results.get(customId);
      if (result === undefined) continue;
      found++;
      if (result !== resultId(request))
        throw new BatchRequestError(
          `expected the request that the output has a result of, received another with the custom_id "${customId}"; name another --output`,
        );
    } catch (error) {
      if (!(error instanceof BatchRequestError)) throw error;
      note(`line ${line.number}: ${error.message}`);
    }
  }
  if (seen.size === 0 && count === 0) note("expected a request on each line, received an empty file");
  if (found < results.size && count === 0) {
    const other = [...results.keys()].find((customId) => !seen.has(customId))!;
    note(`the output has a result of "${other}", which is no request of it; name another --output`);
  }
  if (count > 0) throw new BatchFileError(file, problems, count);
  return { all: seen.size, left: seen.size - found };
}

/** The requests that have no result yet, of a file that was checked. */
export async function* readRequests(
  file: string,
  results: ReadonlyMap<string, string>,
): AsyncGenerator<BatchRequest, void, undefined> {
  for await (const line of linesOf(file)) {
    let request: BatchRequest;
    try {
      request = parseLine(line);
    } catch (error) {
      if (!(error instanceof BatchRequestError)) throw error;
      throw new BatchFileError(file, [`line ${line.number}: was changed since it was checked`], 1);
    }
    if (!results.has(request.customId)) yield request;
  }
}

function parseLine(line: FileLine): BatchRequest {
  const text = textOfLine(line);
  if (text === undefined) throw new BatchRequestError("expected UTF-8, received other bytes");
  return parseRequest(text);
}

const SPACE = 32;

/** Without those that have nothing but spaces. */
async function* linesOf(file: string): AsyncGenerator<FileLine, void, undefined> {
  try {
    for await (const line of readFileLines(file)) if (line.bytes.some((byte) => byte > SPACE)) yield line;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new OptionError(`--input: there is no file ${file}`, { cause: error });
    if (code === "EISDIR")
      throw new OptionError(`--input: expected a file, received the folder ${file}`, { cause: error });
    throw error;
  }
}
