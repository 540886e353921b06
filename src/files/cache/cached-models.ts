// Which models are stored, and their removal.
import { keyPart, readEntry, repositoryKey, type PartStore } from "./part-store.js";
import { loadPart } from "../../util/load-part.js";

/** A model of a hub, at one commit, as far as it is stored. */
export interface CachedModel {
  /** "owner/name" */
  readonly id: string;
  /** The hub's host. */
  readonly hub: string;
  readonly commit: string;
  /** Branches and tags that stand for this commit. */
  readonly revisions: readonly string[];
  /** Files that are stored whole. */
  readonly files: readonly string[];
  /** Bytes of all that is stored of it. */
  readonly bytes: number;
}

/** Lists the models that are stored in this browser for this site, or on this computer for this user. */
export async function listCached(store?: PartStore): Promise<readonly CachedModel[]> {
  const own = store ?? (await openOwnStore());
  if (!own) return [];
  const models: CachedModel[] = [];
  for (const hub of await own.list("hub"))
    for (const repository of await own.list(`hub/${hub}`)) {
      const key = `hub/${hub}/${repository}`;
      const revisions = new Map<string, string[]>();
      for (const name of await own.list(`${key}/refs`)) {
        const commit = (await readEntry(own, `${key}/refs/${name}`)) ?? "";
        revisions.set(commit, [...(revisions.get(commit) ?? []), decodeURIComponent(name)]);
      }
      for (const commit of await own.list(key))
        if (/^[0-9a-f]{40}$/.test(commit))
          models.push({
            id: decodeURIComponent(repository).replace("--", "/"),
            hub: decodeURIComponent(hub),
            commit,
            revisions: revisions.get(commit) ?? [],
            ...(await measure(own, `${key}/${commit}`)),
          });
    }
  return models;
}

/** Removes what is stored of a model: of all commits, or of one. Returns how many bytes that was. */
export async function removeCached(
  id: string,
  options: { readonly commit?: string } = {},
  store?: PartStore,
): Promise<number> {
  const own = store ?? (await openOwnStore());
  if (!own) return 0;
  let bytes = 0;
  for (const model of await listCached(own)) {
    const { hub, commit } = model;
    if (model.id !== id || (options.commit !== undefined && commit !== options.commit)) continue;
    const key = repositoryKey(hub, id);
    for (const revision of model.revisions) await own.remove(`${key}/refs/${keyPart(revision)}`);
    await own.remove(`${key}/${commit}`);
    bytes += model.bytes;
  }
  return bytes;
}

/** Loaded when it is first needed. */
async function openOwnStore(): Promise<PartStore | undefined> {
  const { openStore } = await loadPart(import("./open-store.js"));
  return openStore();
}

async function measure(
  store: PartStore,
  key: string,
): Promise<{ readonly files: readonly string[]; readonly bytes: number }> {
  const files: string[] = [];
  let bytes = 0;
  for (const name of await store.list(key)) {
    const parts = await store.list(`${key}/${name}`);
    for (const part of parts) bytes += (await store.size(`${key}/${name}/${part}`)) ?? 0;
    if (parts.includes("whole")) files.push(decodeURIComponent(name));
  }
  return { files, bytes };
}
