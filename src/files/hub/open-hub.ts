// Opens a repository of a hub, "owner/name". All files are of one commit. A commit that is stored is opened without the network.
import { ArgumentError, FetchError, FormatError } from "../../errors.js";
import { isRecord } from "../../util/json-value.js";
import { keyPart, readEntry, repositoryKey, writeEntry, type PartStore } from "../cache/part-store.js";
import { openStore } from "../cache/open-store.js";
import { DiskFolder, hasDisk } from "../disk-folder.js";
import { parseShardIndex, shardIndexName } from "../shard-index.js";
import type { OpenedSource } from "../source.js";
import { readJson } from "../model-folder.js";
import { chooseFile } from "./choose-file.js";
import type { HubConnection, WaitTimes } from "./fetch-bytes.js";
import { checkRevision, listHubFiles, resolveRevision, type HubFile } from "./hub-api.js";
import { HubFolder } from "./hub-folder.js";
import { findSnapshot } from "./python-cache.js";

/** Where a model "owner/name" comes from, and what is kept of it. */
export interface HubOptions {
  /** A branch, tag or commit of the repository. Default: "main". */
  readonly revision?: string;
  /** A GGUF file of the repository: its path, or a part that only one has, such as "Q8_0". Default: Q4_K_M, if there are several. */
  readonly file?: string;
  /** For private and gated models. Sent to the hub alone. Default: in Node, the variable HF_TOKEN. */
  readonly token?: string;
  /** The hub's address, for mirrors. Default: https://huggingface.co; in Node, the variable HF_ENDPOINT. */
  readonly hub?: string;
  /** Keep what is downloaded, so that later loads need no network. Default: true. */
  readonly cacheFiles?: boolean;
  /** Ask the hub whether the revision has moved on, also if one is stored. Default: false. */
  readonly refresh?: boolean;
  /**
   * Milliseconds for which a server may send nothing. Then a hub is asked again, from the byte where it stopped, until it has failed six
   * times in a row; a file of another URL fails at once, with FetchError. Default: 30,000 for a hub, no bound for others.
   */
  readonly stallMs?: number;
}

/** For tests. */
export interface HubInternals {
  readonly times?: Partial<WaitTimes>;
  readonly partBytes?: number;
  readonly store?: PartStore;
}

export async function openHub(
  id: string,
  options: HubOptions,
  signal: AbortSignal | undefined,
  internals: HubInternals = {},
): Promise<OpenedSource> {
  const { file, cacheFiles = true, refresh = false } = options;
  const revision = checkRevision(options.revision ?? "main");
  const hub = connectionOf(options, internals);
  if (cacheFiles && hasDisk() && !refresh) {
    const snapshot = await openSnapshot(id, revision, file);
    if (snapshot) return snapshot;
  }
  const store = cacheFiles ? (internals.store ?? (await openStore())) : undefined;
  const { commit, files } = await findCommit({ hub, id, revision, store, refresh }, signal);
  const folder = new HubFolder({
    hub,
    id,
    commit,
    files,
    store,
    key: `${repositoryKey(new URL(hub.url).host, id)}/${commit}`,
    ...(internals.partBytes === undefined ? {} : { partBytes: internals.partBytes }),
  });
  const ggufName = chooseFile(
    files.map(({ path }) => path),
    file,
    folder.location,
  );
  return { folder, ...(ggufName === undefined ? {} : { ggufName }) };
}

function connectionOf({ token, hub, stallMs }: HubOptions, { times }: HubInternals): HubConnection {
  const environment = hasDisk() ? process.env : {};
  const address = hub ?? (environment["HF_ENDPOINT"] || "https://huggingface.co");
  if (!URL.canParse(address) || !/^https?:/.test(address))
    throw new ArgumentError({
      argument: "hub",
      expected: "the address of a hub, such as https://huggingface.co",
      received: address,
      remedy: "Leave it out for Hugging Face's own.",
    });
  return {
    url: address.replace(/\/+$/, ""),
    token: token ?? (environment["HF_TOKEN"] || undefined),
    times: { ...times, ...(stallMs === undefined ? {} : { stalledMs: stallMs }) },
  };
}

interface CommitOf {
  readonly hub: HubConnection;
  readonly id: string;
  readonly revision: string;
  readonly store: PartStore | undefined;
  readonly refresh: boolean;
}

interface FoundCommit {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

async function findCommit(
  { hub, id, revision, store, refresh }: CommitOf,
  signal: AbortSignal | undefined,
): Promise<FoundCommit> {
  const key = repositoryKey(new URL(hub.url).host, id);
  const refKey = `${key}/refs/${keyPart(revision)}`;
  const stored = store && (await readStoredCommit(store, key, refKey));
  if (stored && !refresh) return stored;
  try {
    const commit = await resolveRevision(hub, id, revision, signal);
    const files = stored?.commit === commit ? stored.files : await listHubFiles(hub, id, commit, signal);
    if (store) {
      await writeEntry(store, `${key}/${commit}/files.json`, JSON.stringify(files));
      await writeEntry(store, refKey, commit);
    }
    return { commit, files };
  } catch (error) {
    // Without the network, what is stored is better than nothing.
    if (stored && error instanceof FetchError && error.status === undefined) return stored;
    throw error;
  }
}

async function readStoredCommit(
  store: PartStore,
  key: string,
  refKey: string,
): Promise<FoundCommit | undefined> {
  const commit = await readEntry(store, refKey);
  const text = commit && (await readEntry(store, `${key}/${commit}/files.json`));
  if (!text) return undefined;
  try {
    const files: unknown = JSON.parse(text);
    if (Array.isArray(files) && files.every((file) => isRecord(file) && typeof file["path"] === "string"))
      return { commit, files: files as HubFile[] };
  } catch {
    // Damaged: asked for again.
  }
  return undefined;
}

/** A snapshot of Python's cache, if it has all that is needed. */
async function openSnapshot(
  id: string,
  revision: string,
  file: string | undefined,
): Promise<OpenedSource | undefined> {
  const found = findSnapshot(id, revision);
  if (!found) return undefined;
  const folder = new DiskFolder(found.folder);
  try {
    const ggufName = chooseFile(found.paths, file, found.folder);
    if (ggufName !== undefined) return hasAllParts(ggufName, found.paths) ? { folder, ggufName } : undefined;
    if (found.paths.includes("model.safetensors")) return { folder };
    const shards = [...parseShardIndex(await readJson(folder, shardIndexName)).keys()];
    return shards.every((shard) => found.paths.includes(shard)) ? { folder } : undefined;
  } catch (error) {
    // A snapshot may hold a few files only: then it is no model.
    if (error instanceof ArgumentError || error instanceof FetchError || error instanceof FormatError)
      return undefined;
    throw error;
  }
}

function hasAllParts(name: string, paths: readonly string[]): boolean {
  const count = Number(/-of-(\d{5})/.exec(name)?.[1] ?? 1);
  if (count === 1) return true;
  const parts = paths.filter(
    (path) => path.replace(/-\d{5}-of-/, "-of-") === name.replace(/-\d{5}-of-/, "-of-"),
  );
  return parts.length === count;
}
