// Downloads a file of a hub into a store: parts at once, each from the byte where it broke off, and checked before it counts.
import { sha256 } from "@noble/hashes/sha2.js";
import { FormatError, StorageError } from "../../errors.js";
import type { PartStore } from "../cache/part-store.js";
import { readEntry, writeEntry } from "../cache/part-store.js";
import { fetchRange, type HubConnection } from "./fetch-bytes.js";

/** What one entry of a store holds of a file. */
export const PART_BYTES: number = 32 * 2 ** 20;

/** Ranges that are fetched at the same time. */
const CONNECTIONS = 4;

/** What is written at once: small writes cost more than they bring. */
const WRITE_BYTES = 2 ** 20;

export interface StoredFile {
  readonly store: PartStore;
  /** Its parts have a number behind this key. */
  readonly key: string;
  readonly size: number;
  readonly partBytes?: number;
}

export interface Download extends StoredFile {
  readonly hub: HubConnection;
  readonly url: string;
  /** The name in the repository, for messages. */
  readonly path: string;
  readonly sha256: string | undefined;
}

export const partKey = (key: string, index: number): string => `${key}/${String(index).padStart(6, "0")}`;

/** Whether a file was downloaded whole, and was what it should be. */
export async function isWhole({ store, key, size }: StoredFile): Promise<boolean> {
  return (await readEntry(store, `${key}/whole`)) === String(size);
}

/**
 * Downloads what is missing of a file. If another tab or process does so, this waits for it. `onBytes` is called with the number of
 * bytes that are there. @throws StorageError when there is no room; FetchError; FormatError when the content is not what the hub
 * says, and then nothing of it is kept; CancelledError.
 */
export async function downloadFile(
  download: Download,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { store, key, size } = download;
  await store.lock(key, signal, async () => {
    if (await isWhole(download)) return;
    const counts = await storedBytes(download);
    await expectRoom(download, counts);
    const hash = await fetchParts(download, counts, signal, onBytes);
    if (download.sha256 !== undefined && hash !== download.sha256) {
      await store.remove(key);
      throw new FormatError({
        file: download.path,
        problem: `expected content with the SHA-256 ${download.sha256}, received ${hash}`,
        remedy: "It was damaged on its way or is not what the hub says. It has been removed: load again.",
      });
    }
    await writeEntry(store, `${key}/whole`, String(size));
  });
}

/** Bytes of each part that are there. */
async function storedBytes({ store, key, size, partBytes = PART_BYTES }: StoredFile): Promise<number[]> {
  const counts: number[] = [];
  for (let index = 0; index * partBytes < size; index++) {
    const own = (await store.size(partKey(key, index))) ?? 0;
    const most = Math.min(partBytes, size - index * partBytes);
    // Longer than it can be: of another file.
    if (own > most) await store.remove(partKey(key, index));
    counts.push(own > most ? 0 : own);
  }
  return counts;
}

async function expectRoom({ store, size, path }: Download, counts: readonly number[]): Promise<void> {
  const missing = size - counts.reduce((sum, count) => sum + count, 0);
  const room = await store.room();
  if (room === undefined || missing <= room) return;
  throw new StorageError({
    reason: "full",
    problem: `${path} needs ${missing} bytes, there is room for ${room}`,
  });
}

/** Returns the SHA-256 of the file, which is computed while parts arrive. */
async function fetchParts(
  download: Download,
  counts: readonly number[],
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const { store, key, size, partBytes = PART_BYTES } = download;
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  let loaded = counts.reduce((sum, count) => sum + count, 0);
  onBytes(loaded);
  const done = counts.map(deferred);
  for (const { promise } of done) promise.catch(() => undefined); // the first failure is thrown below
  let next = 0;
  let hasRanges = true;

  const fetchPart = async (index: number): Promise<void> => {
    const begin = index * partBytes + counts[index]!;
    const end = Math.min((index + 1) * partBytes, size);
    if (begin < end) {
      const writer = new BufferedWriter(store, partKey(key, index));
      try {
        const chunks = fetchRange(
          download.hub,
          download.url,
          { begin, end, size },
          { signal: controller.signal, onWhole: () => (hasRanges = false) },
        );
        for await (const chunk of chunks) {
          await writer.write(chunk);
          loaded += chunk.length;
          onBytes(loaded);
        }
      } finally {
        await writer.close();
      }
    }
    done[index]!.resolve();
  };
  const work = async (worker: number): Promise<void> => {
    // Without ranges, each connection would bring the file from its beginning.
    const mayGoOn = (): boolean => next < counts.length && (hasRanges || worker === 0);
    while (mayGoOn()) await fetchPart(next++);
  };
  const digest = async (): Promise<string> => {
    const hash = sha256.create();
    for (const [index, { promise }] of done.entries()) {
      await promise;
      const file = await store.open(partKey(key, index), controller.signal);
      try {
        for (let chunk = await file?.read(); chunk; chunk = await file?.read()) hash.update(chunk);
      } finally {
        await file?.close();
      }
    }
    return [...hash.digest()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  const digesting = digest();
  digesting.catch(() => undefined); // thrown at the end, unless a part has failed
  const workers = Array.from({ length: CONNECTIONS }, (_, worker) =>
    work(worker).catch((error: unknown) => {
      controller.abort();
      for (const { reject } of done) reject(error);
      throw error;
    }),
  );
  try {
    const results = await Promise.allSettled(workers);
    const failed = results
      .filter((result) => result.status === "rejected")
      .map(({ reason }) => reason as Error);
    if (failed.length > 0) throw mostTelling(failed, signal);
    return await digesting;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

function deferred(): Deferred {
  let settle!: Omit<Deferred, "promise">;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

/** Of the failures of several connections, the one that made the others end. */
function mostTelling(failures: readonly Error[], signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return failures[0]!;
  return failures.find(({ name }) => name !== "CancelledError") ?? failures[0]!;
}

class BufferedWriter {
  readonly #store: PartStore;
  readonly #key: string;
  #appender: Awaited<ReturnType<PartStore["append"]>> | undefined;
  #chunks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  constructor(store: PartStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  async write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= WRITE_BYTES) await this.#flush();
  }

  /** What has arrived is written, so that a later download goes on from there. */
  async close(): Promise<void> {
    try {
      if (this.#bytes > 0) await this.#flush();
    } finally {
      await this.#appender?.close();
    }
  }

  async #flush(): Promise<void> {
    const bytes = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
    this.#bytes = 0;
    this.#appender ??= await this.#store.append(this.#key);
    await this.#appender.append(bytes);
  }
}
