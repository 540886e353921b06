// Where downloaded files are kept: entries of bytes by keys such as "hub/host/owner--name/commit/file/000003". Entries are parts of
// files, so that several are written at once, and none has to be copied when a download goes on after a break.
import type { OpenFile } from "../model-folder.js";

/** Adds bytes to the end of an entry. */
export interface Appender {
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** What was added stays, also after a failure. */
  close(): Promise<void>;
}

export interface PartStore {
  /** Bytes of an entry, or undefined if there is none. */
  size(key: string): Promise<number | undefined>;
  /** Opens an entry at a byte, or returns undefined if there is none. */
  open(key: string, signal?: AbortSignal, from?: number): Promise<OpenFile | undefined>;
  /** @throws StorageError when there is no room. */
  append(key: string): Promise<Appender>;
  /** Writes a small entry as a whole: readers find the old one or the new one. */
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Removes an entry, or all whose keys begin with `key` and a slash. */
  remove(key: string): Promise<void>;
  /** Names of what is directly under a key: parts of keys between slashes. */
  list(key: string): Promise<readonly string[]>;
  /** Runs `action` while no other tab, worker or process runs one of this name. */
  lock<R>(name: string, signal: AbortSignal | undefined, action: () => Promise<R>): Promise<R>;
  /** Bytes that can still be stored, if that is known. */
  room(): Promise<number | undefined>;
}

/** The text of an entry, or undefined if there is none. */
export async function readEntry(store: PartStore, key: string): Promise<string | undefined> {
  const file = await store.open(key);
  if (!file) return undefined;
  try {
    const decoder = new TextDecoder();
    let text = "";
    for (let chunk = await file.read(); chunk; chunk = await file.read())
      text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  } finally {
    await file.close();
  }
}

export function writeEntry(store: PartStore, key: string, text: string): Promise<void> {
  return store.write(key, new TextEncoder().encode(text));
}

/** A part of a key: what file systems would take for a path or refuse is written as %XX. */
export function keyPart(name: string): string {
  const encoded = encodeURIComponent(name).replace(
    /[*!'()~]/g,
    (own) => `%${own.charCodeAt(0).toString(16)}`,
  );
  return encoded.replace(/^\.+$/, (dots) => "%2E".repeat(dots.length));
}

/** Where all commits of a repository "owner/name" of a hub are in a store. */
export function repositoryKey(host: string, id: string): string {
  return `hub/${keyPart(host)}/${keyPart(id.replace("/", "--"))}`;
}
