// The files of one commit of a repository as a model folder: from the store where they are stored, else from the hub.
import { StorageError } from "../../errors.js";
import { throwIfAborted } from "../../util/signal.js";
import { keyPart, type PartStore } from "../cache/part-store.js";
import type { ModelFolder, OpenFile } from "../model-folder.js";
import type { ReadOptions } from "../read-tensors.js";
import { downloadFile, isWhole, partKey, PART_BYTES, type Download, type StoredFile } from "./download.js";
import { fetchRange, type HubConnection } from "./fetch-bytes.js";
import { fileUrl, type HubFile } from "./hub-api.js";

/** Of these a header may be all that is wanted: they are stored when all of them will be read. Others are stored at once. */
const holdsWeights = (path: string): boolean => /\.(gguf|safetensors)$/i.test(path);

export interface HubCommit {
  readonly hub: HubConnection;
  readonly id: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
  /** Undefined: nothing is stored. */
  readonly store: PartStore | undefined;
  /** The key of this commit in the store. */
  readonly key: string;
  readonly partBytes?: number;
}

export class HubFolder implements ModelFolder {
  readonly location: string;
  readonly #commit: HubCommit;
  readonly #files: ReadonlyMap<string, HubFile>;
  /** Files that can't be stored, because there is no room. */
  readonly #unstored = new Set<string>();

  constructor(commit: HubCommit) {
    this.#commit = commit;
    this.#files = new Map(commit.files.map((file) => [file.path, file]));
    this.location = `${commit.hub.url}/${commit.id} at ${commit.commit.slice(0, 8)}`;
  }

  async open(name: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    const file = this.#files.get(name);
    if (!file) return undefined;
    const download = this.#downloadOf(file);
    if (download && !holdsWeights(name)) await this.#store(download, signal, () => undefined);
    if (download && (await isWhole(download))) return openStored(download, signal, from);
    return this.#openStream(file, signal, from);
  }

  async fetchWhole(name: string, { signal, onProgress, onNotStored }: ReadOptions): Promise<void> {
    const file = this.#files.get(name);
    const download = file && this.#downloadOf(file);
    if (!file || !download || (await isWhole(download))) return;
    const problem = await this.#store(download, signal, (loadedBytes) =>
      onProgress?.({
        phase: "download",
        file: name,
        loadedBytes,
        totalBytes: file.size,
        source: "network",
      }),
    );
    if (problem) onNotStored?.({ phase: "not stored", file: name, problem: problem.message });
  }

  /** Returns the problem if there is no room: the file is then read from the hub every time. */
  async #store(
    download: Download,
    signal: AbortSignal | undefined,
    onBytes: (bytes: number) => void,
  ): Promise<StorageError | undefined> {
    if (this.#unstored.has(download.path)) return undefined;
    try {
      await downloadFile(download, signal, onBytes);
      return undefined;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // What is there of it only takes the room of others.
      this.#unstored.add(download.path);
      await download.store.remove(download.key);
      return error;
    }
  }

  #downloadOf({ path, size, sha256 }: HubFile): Download | undefined {
    const { hub, id, commit, store, key, partBytes } = this.#commit;
    if (!store) return undefined;
    return {
      hub,
      url: fileUrl(hub, id, commit, path),
      path,
      size,
      sha256,
      store,
      key: `${key}/${keyPart(path)}`,
      ...(partBytes === undefined ? {} : { partBytes }),
    };
  }

  #openStream({ path, size }: HubFile, signal: AbortSignal | undefined, from: number): OpenFile {
    const { hub, id, commit } = this.#commit;
    const range = { begin: Math.min(from, size), end: size, size };
    const url = fileUrl(hub, id, commit, path);
    const chunks = fetchRange(hub, url, range, { signal });
    return {
      sizeBytes: size - range.begin,
      source: "network",
      async read() {
        throwIfAborted(signal, `Reading ${url}`);
        const { value } = await chunks.next();
        return value ?? undefined;
      },
      async close() {
        await chunks.return();
      },
    };
  }
}

/** Opens a file of which all parts are stored. */
function openStored(
  { store, key, size, partBytes = PART_BYTES }: StoredFile,
  signal: AbortSignal | undefined,
  from: number,
): OpenFile {
  let position = Math.min(from, size);
  let part: OpenFile | undefined;
  return {
    sizeBytes: size - position,
    source: "cache",
    async read() {
      while (position < size) {
        part ??= await store.open(
          partKey(key, Math.floor(position / partBytes)),
          signal,
          position % partBytes,
        );
        const chunk = await part?.read();
        if (chunk) {
          position += chunk.length;
          return chunk;
        }
        await part?.close();
        // Removed meanwhile: the reader sees a file that ends too early.
        if (position % partBytes !== 0) return undefined;
        if (!part) return undefined;
        part = undefined;
      }
      return undefined;
    },
    async close() {
      await part?.close();
      position = size;
    },
  };
}
