// A folder of model files, wherever it is. Implementations only open files; they do not know what the files mean.
import { FetchError, FormatError } from "../errors.js";
import type { ReadOptions } from "./read-tensors.js";

/** A file being read from its beginning to its end. */
export interface OpenFile {
  /** Size in bytes of what `read` will deliver; undefined unless it is certain. */
  readonly sizeBytes: number | undefined;
  /** Of a hub's files: whether they come from there, or were stored before. */
  readonly source?: "network" | "cache";
  /** The next bytes, of any number above 0; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Releases the file or the connection. Allowed at any time and more than once. */
  close(): Promise<void>;
}

/** A folder in Hugging Face layout: config.json, model.safetensors, tokenizer.json and so on. */
export interface ModelFolder {
  /** The folder's URL or path, for messages. */
  readonly location: string;
  /**
   * Opens the file `name`. Returns undefined if there is no such file. Reading begins at byte `from`, by default the first.
   * @throws FetchError when it exists but cannot be read; CancelledError when `signal` is aborted.
   */
  open(name: string, signal?: AbortSignal, from?: number): Promise<OpenFile | undefined>;
  /**
   * For folders that store what they fetch: does so with the file `name`, of which all will be read. Others read as they fetch.
   */
  fetchWhole?(name: string, options: ReadOptions): Promise<void>;
}

/** Opens a file that the model cannot do without. @throws FetchError when it is missing. */
export async function openRequired(
  folder: ModelFolder,
  name: string,
  signal?: AbortSignal,
  from: number = 0,
): Promise<OpenFile> {
  return (await folder.open(name, signal, from)) ?? failMissing(folder, name);
}

/** More than any JSON file or template of a model has. */
const MOST_TEXT_BYTES = 256 * 2 ** 20;

/** The text of a file (UTF-8), or undefined if there is no such file. @throws FormatError for one that does not end. */
export async function readText(
  folder: ModelFolder,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const file = await folder.open(name, signal);
  if (!file) return undefined;
  try {
    const decoder = new TextDecoder();
    let text = "";
    let bytes = 0;
    for (let chunk = await file.read(); chunk; chunk = await file.read()) {
      bytes += chunk.length;
      if (bytes > MOST_TEXT_BYTES)
        throw new FormatError({
          file: name,
          problem: `expected at most ${MOST_TEXT_BYTES} bytes of text, received more`,
          remedy: `Check ${folder.location}: it gives something else than this file.`,
        });
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } finally {
    await file.close();
  }
}

/** The parsed content of a JSON file, or undefined if there is no such file. @throws FormatError when it is not JSON. */
export async function readJson(folder: ModelFolder, name: string, signal?: AbortSignal): Promise<unknown> {
  const text = await readText(folder, name, signal);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new FormatError({
      file: name,
      problem: `expected JSON, received text that begins with ${JSON.stringify(text.slice(0, 40))}`,
      remedy: `Check ${folder.location}: copy or download the file again.`,
      cause,
    });
  }
}

/**
 * What `read` returns, for files that a model can do without: undefined too if one may not be read, as servers say in many ways that
 * there is none. `onUnreadable` is told why.
 */
export async function readOptional<T>(
  read: Promise<T | undefined>,
  onUnreadable: (error: FetchError) => void,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    onUnreadable(error);
    return undefined;
  }
}

/** The parsed content of a JSON file that the model cannot do without. @throws FetchError, FormatError. */
export async function readRequiredJson(
  folder: ModelFolder,
  name: string,
  signal?: AbortSignal,
): Promise<unknown> {
  return (await readJson(folder, name, signal)) ?? failMissing(folder, name);
}

/** Throws because the file `name` is missing. */
export function failMissing(folder: ModelFolder, name: string): never {
  throw new FetchError({
    url: `${folder.location} ${name}`,
    problem: "there is no such file",
    remedy:
      "A model folder contains config.json, model.safetensors (or model.safetensors.index.json and its shards) and, " +
      "for text, tokenizer.json; weights in .bin files alone are not read: save the model as safetensors. A model of the Hugging Face hub is the folder " +
      "https://huggingface.co/<owner>/<name>/resolve/main.",
  });
}
