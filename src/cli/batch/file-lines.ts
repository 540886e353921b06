// Reads a file line by line, without holding more of it than a line and what the disk gives at once.
import { createReadStream } from "node:fs";
import { OptionError } from "../terminal/option-values.js";

export interface FileLine {
  /** From 1 on. */
  readonly number: number;
  /** Without the line's end. */
  readonly bytes: Buffer;
  /** Bytes of the file up to the next line. */
  readonly endByte: number;
  /** Whether it has an end. The last line of a file need not. */
  readonly isComplete: boolean;
}

/** More than any request may have: a file without line ends is not to be held as one line. */
export const MOST_LINE_BYTES: number = 64 * 2 ** 20;

const LINE_FEED = 10;

/** @throws OptionError for a line that is too long, and what the disk says of a file that can't be read. */
export async function* readFileLines(file: string): AsyncGenerator<FileLine, void, undefined> {
  let pieces: Buffer[] = [];
  let [number, begun, sizeBytes] = [0, 0, 0];
  const take = (isComplete: boolean, endByte: number): FileLine => {
    const line = { number: ++number, bytes: Buffer.concat(pieces), endByte, isComplete };
    pieces = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      pieces.push(chunk.subarray(from, end));
      from = end + 1;
      yield take(true, begun + from);
    }
    begun += chunk.length;
    if (from === chunk.length) continue;
    pieces.push(chunk.subarray(from));
    sizeBytes += chunk.length - from;
    if (sizeBytes > MOST_LINE_BYTES)
      throw new OptionError(
        `${file}, line ${number + 1}: expected at most ${MOST_LINE_BYTES} bytes, received more: is it a file of JSON lines?`,
      );
  }
  if (pieces.length > 0) yield take(false, begun);
}

/** The text of a line, or undefined if it is not UTF-8. */
export function textOfLine({ bytes }: FileLine): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
