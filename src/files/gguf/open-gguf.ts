// Opens a model in GGUF: reads the header of its file, or of all its files if it is split. Any part leads to the others.
import { FetchError, FormatError } from "../../errors.js";
import { openRequired, type ModelFolder, type OpenFile } from "../model-folder.js";
import { HeaderParser, type GgufHeader, type GgufTensor } from "./header.js";
import type { MetadataValue } from "./metadata-values.js";
import { parseSplitName, partName } from "./split-names.js";

/** One file of a model. */
export interface GgufPart {
  readonly fileName: string;
  readonly header: GgufHeader;
  /** The file's size, where it is known. */
  readonly fileBytes: number | undefined;
}

export interface GgufModel {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly parts: readonly GgufPart[];
}

/** @throws FetchError when a file is missing or unreadable; FormatError when one is damaged; CancelledError. */
export async function openGguf(
  folder: ModelFolder,
  fileName: string,
  signal?: AbortSignal,
): Promise<GgufModel> {
  const part = await openPart(folder, fileName, signal);
  const count = wholeNumber(part, "split.count") ?? 1;
  if (count <= 1) return { metadata: part.header.metadata, parts: [part] };
  const name = parseSplitName(fileName);
  if (!name) return failUnnamed(folder, part, count, signal);
  if (name.count !== count)
    failSplit(part, `split.count: expected ${name.count}, as the file's name says, received ${count}`);
  const parts: GgufPart[] = [];
  for (let index = 0; index < count; index++) {
    const own = partName(fileName, index);
    const next = own === fileName ? part : await openPart(folder, own, signal);
    checkPart(next, index, count);
    parts.push(next);
  }
  checkTensors(parts);
  return { metadata: parts[0]!.header.metadata, parts };
}

/** All tensors of a model, in the order of the files and of their bytes. */
export function listTensors({ parts }: GgufModel): readonly GgufTensor[] {
  return parts.flatMap(({ header }) => header.tensors);
}

async function openPart(
  folder: ModelFolder,
  fileName: string,
  signal: AbortSignal | undefined,
): Promise<GgufPart> {
  const file = await openRequired(folder, fileName, signal);
  try {
    return { fileName, header: await readHeader(file, fileName), fileBytes: file.sizeBytes };
  } finally {
    await file.close();
  }
}

async function readHeader(file: OpenFile, fileName: string): Promise<GgufHeader> {
  const parser = new HeaderParser(fileName, file.sizeBytes);
  let bytes = new Uint8Array(1 << 16);
  let length = 0;
  let needed = 0;
  for (;;) {
    const chunk = await file.read();
    if (chunk) {
      // Memory grows with what has arrived, not with what the header asks for.
      if (length + chunk.length > bytes.length) {
        const larger = new Uint8Array(Math.max(2 * bytes.length, length + chunk.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(chunk, length);
      length += chunk.length;
      if (length < needed) continue;
    }
    const header = parser.parse(bytes.subarray(0, length));
    if (typeof header !== "number") return header;
    if (!chunk)
      throw new FormatError({
        file: fileName,
        byteOffset: length,
        problem: `truncated: expected a header of at least ${header} bytes, received ${length}`,
        remedy: "The file is no GGUF file or was damaged on its way: download or copy it again.",
      });
    // A value that is long is not read again for every chunk.
    needed = Math.max(header, length + length / 2);
    if (file.sizeBytes !== undefined) needed = Math.min(needed, file.sizeBytes);
  }
}

function checkPart(part: GgufPart, index: number, count: number): void {
  const number = wholeNumber(part, "split.no");
  if (number !== index)
    failSplit(part, `split.no: expected ${index}, as the file's name says, received ${number ?? "nothing"}`);
  const own = wholeNumber(part, "split.count");
  if (own !== count)
    failSplit(part, `split.count: expected ${count}, as in the other parts, received ${own ?? "nothing"}`);
}

function checkTensors(parts: readonly GgufPart[]): void {
  const owner = new Map<string, string>();
  for (const part of parts)
    for (const { name } of part.header.tensors) {
      const other = owner.get(name);
      if (other !== undefined)
        failSplit(part, `expected each tensor once, received ${JSON.stringify(name)} also in ${other}`);
      owner.set(name, part.fileName);
    }
  const expected = wholeNumber(parts[0]!, "split.tensors.count");
  if (expected !== undefined && expected !== owner.size)
    failSplit(
      parts[0]!,
      `split.tensors.count: expected ${owner.size}, the tensors of all parts, received ${expected}`,
    );
}

function wholeNumber(part: GgufPart, key: string): number | undefined {
  const found = part.header.metadata.get(key);
  if (!found) return undefined;
  const value = found.type === "array" ? undefined : found.value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  return failSplit(
    part,
    `${key}: expected a whole number, received ${found.type === "array" ? "an array" : String(value)}`,
  );
}

/** A part whose name says nothing of parts: is it alone, or have all been joined as bytes? */
async function failUnnamed(
  folder: ModelFolder,
  part: GgufPart,
  count: number,
  signal: AbortSignal | undefined,
): Promise<never> {
  if (await isFollowed(folder, part, signal))
    failSplit(
      part,
      `expected one part of ${count}, received several glued together`,
      "Parts are files of their own: download them one by one, or join them with gguf-split --merge.",
    );
  return failSplit(
    part,
    `expected a name that says which of ${count} parts it is, such as model-00001-of-${String(count).padStart(5, "0")}.gguf`,
    "Give the parts the names they were published with.",
  );
}

/** Whether another GGUF file begins after the last tensor and its padding. */
async function isFollowed(
  folder: ModelFolder,
  part: GgufPart,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { dataEnd, alignment } = part.header;
  const next = Math.ceil(dataEnd / alignment) * alignment;
  // Without the padding, if the part was cut to its last tensor.
  return (await beginsAt(folder, part, dataEnd, signal)) || (await beginsAt(folder, part, next, signal));
}

/** Whether there is "GGUF" at a byte of a file. */
async function beginsAt(
  folder: ModelFolder,
  part: GgufPart,
  from: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (part.fileBytes !== undefined && from + 4 > part.fileBytes) return false;
  let file: OpenFile;
  try {
    file = await openRequired(folder, part.fileName, signal, from);
  } catch (error) {
    // A server says so of a byte beyond the end, where the size was not known.
    if (error instanceof FetchError && error.status === 416) return false;
    throw error;
  }
  try {
    let text = "";
    while (text.length < 4) {
      const chunk = await file.read();
      if (!chunk) break;
      text += String.fromCharCode(...chunk.subarray(0, 4));
    }
    return text.startsWith("GGUF");
  } finally {
    await file.close();
  }
}

function failSplit(
  part: GgufPart,
  problem: string,
  remedy: string = "Download all parts of one model again.",
): never {
  throw new FormatError({ file: part.fileName, problem, remedy });
}
