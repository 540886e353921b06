// Streams the tensors of a model folder, one at a time, from one safetensors file or from several.
import { FormatError, type FetchError } from "../errors.js";
import { ByteReader } from "./byte-reader.js";
import {
  failMissing,
  openRequired,
  readJson,
  readOptional,
  type ModelFolder,
  type OpenFile,
} from "./model-folder.js";
import {
  fail,
  headerEnd,
  parseHeader,
  type SafetensorsHeader,
  type StoredTensor,
  type TensorEntry,
} from "./safetensors.js";
import { parseShardIndex, shardIndexName } from "./shard-index.js";

const singleFileName = "model.safetensors";

/** How much of a weight file has arrived. */
export interface DownloadProgress {
  readonly phase: "download";
  readonly file: string;
  readonly loadedBytes: number;
  /** Undefined until the size is certain, at the latest when the file's header has arrived. */
  readonly totalBytes: number | undefined;
  /** Of a hub's models: whether bytes come from there, or were stored before. */
  readonly source?: "network" | "cache";
}

/** A file of a hub is not stored, because there is no room. It is read all the same; the next load needs the network again. */
export interface NotStored {
  readonly phase: "not stored";
  readonly file: string;
  readonly problem: string;
}

/** How weights are read. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for every chunk that arrives. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** Called for a file that is not stored, though others are. */
  readonly onNotStored?: ((notice: NotStored) => void) | undefined;
  /** Called with the name of each tensor. Those that are not wanted are passed over, and take no memory. Default: all are. */
  readonly isWanted?: ((name: string) => boolean) | undefined;
}

/**
 * Yields every tensor of `folder` in the order of the files' bytes. At most one tensor and one chunk are held; a
 * tensor's bytes belong to the caller. Files are closed at the end, after an error, and when the caller stops early.
 * @throws FetchError when a file is missing or unreadable; FormatError when one is damaged; CancelledError.
 */
export async function* readTensors(
  folder: ModelFolder,
  options: ReadOptions = {},
): AsyncGenerator<StoredTensor, void, undefined> {
  for await (const { file, fileName, listedTensors } of openFiles(folder, options.signal, options))
    yield* readFileTensors(file, fileName, listedTensors, options);
}

/**
 * The tensors of a folder as the headers of its files describe them, by name; no more than the headers is read.
 * @throws as `readTensors`.
 */
export async function readTensorEntries(
  folder: ModelFolder,
  signal?: AbortSignal,
): Promise<Map<string, TensorEntry>> {
  const entries = new Map<string, TensorEntry>();
  for await (const { file, fileName, listedTensors } of openFiles(folder, signal))
    try {
      const reader = new ByteReader(file, fileName, () => undefined);
      const header = await readHeader(reader, fileName, file.sizeBytes);
      checkListed(listedTensors, header, fileName);
      for (const [name, entry] of header.tensors) entries.set(name, entry);
    } finally {
      await file.close();
    }
  return entries;
}

/** The weight files of a folder, one after the other, each with the tensors that an index lists for it. */
async function* openFiles(
  folder: ModelFolder,
  signal: AbortSignal | undefined,
  /** Given if the files are read to their ends. */
  whole?: ReadOptions,
): AsyncGenerator<
  { readonly file: OpenFile; readonly fileName: string; readonly listedTensors: readonly string[] },
  void,
  undefined
> {
  if (whole) await folder.fetchWhole?.(singleFileName, whole);
  let refusal: FetchError | undefined;
  const single = await readOptional(folder.open(singleFileName, signal), (error) => (refusal = error));
  if (single) {
    yield { file: single, fileName: singleFileName, listedTensors: [] };
    return;
  }
  const index = await readOptional(readJson(folder, shardIndexName, signal), (error) => (refusal ??= error));
  if (index === undefined) {
    if (refusal) throw refusal;
    failMissing(folder, singleFileName);
  }
  for (const [fileName, listedTensors] of parseShardIndex(index)) {
    if (whole) await folder.fetchWhole?.(fileName, whole);
    yield { file: await openRequired(folder, fileName, signal), fileName, listedTensors };
  }
}

async function* readFileTensors(
  file: OpenFile,
  fileName: string,
  listedTensors: readonly string[],
  { onProgress, isWanted }: ReadOptions,
): AsyncGenerator<StoredTensor, void, undefined> {
  try {
    let totalBytes = file.sizeBytes;
    const source = file.source === undefined ? {} : { source: file.source };
    const reader = new ByteReader(file, fileName, (loadedBytes) => {
      onProgress?.({ phase: "download", file: fileName, loadedBytes, totalBytes, ...source });
    });
    const header = await readHeader(reader, fileName, file.sizeBytes);
    totalBytes = header.fileBytes;
    checkListed(listedTensors, header, fileName);
    for (const [name, { dtype, shape, begin, end }] of header.tensors) {
      if (isWanted && !isWanted(name)) continue;
      const [what, first] = [`tensor ${JSON.stringify(name)}`, header.dataOffset + begin];
      await reader.skipTo(first, what);
      const bytes = allocate(end - begin, fileName, first);
      await reader.readInto(bytes, what);
      yield { name, dtype, shape, bytes };
    }
    await reader.skipTo(header.fileBytes, "the end");
    await reader.expectEnd();
  } finally {
    await file.close();
  }
}

async function readHeader(
  reader: ByteReader,
  fileName: string,
  fileBytes: number | undefined,
): Promise<SafetensorsHeader> {
  const start = new Uint8Array(8);
  await reader.readInto(start, "the header's length");
  const bytes = new Uint8Array(headerEnd(start, fileName, fileBytes));
  bytes.set(start);
  await reader.readInto(bytes.subarray(start.length), "the header");
  return parseHeader(bytes, fileName, fileBytes);
}

function checkListed(names: readonly string[], header: SafetensorsHeader, fileName: string): void {
  const missing = names.filter((name) => !header.tensors.has(name));
  if (missing.length === 0) return;
  throw new FormatError({
    file: fileName,
    problem: `expected the tensors that ${shardIndexName} lists for it, received none of ${missing.join(", ")}`,
    remedy: "The index and the shards are of different exports: download all of them again.",
  });
}

/** The header of a damaged file may ask for more than fits into memory. */
function allocate(sizeBytes: number, fileName: string, byteOffset: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(sizeBytes);
  } catch (cause) {
    return fail(fileName, byteOffset, `a tensor of ${sizeBytes} bytes does not fit in memory`, cause);
  }
}
