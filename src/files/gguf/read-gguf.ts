// Streams the tensors of a GGUF model in pieces of whole rows, so that the host never holds a large one.
import type { ModelFolder } from "../model-folder.js";
import { openRequired } from "../model-folder.js";
import { ByteReader } from "../byte-reader.js";
import type { ReadOptions } from "../read-tensors.js";
import type { GgufTensor } from "./header.js";
import type { GgufModel, GgufPart } from "./open-gguf.js";

/** Consecutive rows of a tensor. A row is what lies along the inputs; a vector is one row. */
export interface TensorRows {
  readonly tensor: GgufTensor;
  readonly firstRow: number;
  readonly rows: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What passes the host at once, at most, unless one row is larger: in the file's format, and as float32. */
const PIECE_BYTES = 32 * 2 ** 20;

/**
 * Yields all rows of those tensors that `wants` accepts, in the order of the files' bytes. The others are passed over. A piece's
 * bytes belong to the caller. Files are closed at the end, after an error, and when the caller stops early.
 * @throws FetchError when a file is unreadable; FormatError when it ends too early; CancelledError.
 */
export async function* readGgufRows(
  folder: ModelFolder,
  { parts }: GgufModel,
  options: ReadOptions & {
    readonly wants?: (tensor: GgufTensor) => boolean;
    readonly pieceBytes?: number;
  } = {},
): AsyncGenerator<TensorRows, void, undefined> {
  for (const part of parts) yield* readPart(folder, part, options);
}

async function* readPart(
  folder: ModelFolder,
  { fileName, header, fileBytes }: GgufPart,
  {
    signal,
    onProgress,
    onNotStored,
    wants = () => true,
    pieceBytes = PIECE_BYTES,
  }: NonNullable<Parameters<typeof readGgufRows>[2]>,
): AsyncGenerator<TensorRows, void, undefined> {
  const wanted = header.tensors.filter(wants);
  const begin = wanted[0]?.begin;
  if (begin === undefined) return;
  await folder.fetchWhole?.(fileName, { signal, onProgress, onNotStored });
  const file = await openRequired(folder, fileName, signal, begin);
  try {
    const totalBytes = fileBytes ?? header.dataEnd;
    const source = file.source === undefined ? {} : { source: file.source };
    const onBytes = (loadedBytes: number): void =>
      onProgress?.({ phase: "download", file: fileName, loadedBytes, totalBytes, ...source });
    const reader = new ByteReader(file, fileName, onBytes, begin);
    for (const tensor of wanted) {
      const what = `tensor ${JSON.stringify(tensor.name)}`;
      await reader.skipTo(tensor.begin, what);
      const rows = tensor.shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
      const rowBytes = (tensor.end - tensor.begin) / rows;
      const most = Math.max(1, Math.floor(pieceBytes / Math.max(rowBytes, 4 * (tensor.shape.at(-1) ?? 1))));
      for (let firstRow = 0; firstRow < rows; firstRow += most) {
        const count = Math.min(most, rows - firstRow);
        const bytes = new Uint8Array(count * rowBytes);
        await reader.readInto(bytes, what);
        yield { tensor, firstRow, rows: count, bytes };
      }
    }
  } finally {
    await file.close();
  }
}
