// What a hub says of a repository: the commit that a revision stands for, and the files of a commit with sizes and hashes.
import { ArgumentError, FetchError } from "../../errors.js";
import { isRecord, showJson } from "../../util/json-value.js";
import { fetchJson, type HubConnection } from "./fetch-bytes.js";

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of the content, in hexadecimal digits, of files that the hub keeps in its large storage. */
  readonly sha256?: string;
}

export function checkRevision(revision: string): string {
  if (typeof revision === "string" && revision !== "" && !revision.includes("..")) return revision;
  throw new ArgumentError({
    argument: "revision",
    expected: "a branch, tag or commit",
    received: revision,
    remedy: 'Leave it out for "main".',
  });
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The commit of a branch or tag. */
export async function resolveRevision(
  hub: HubConnection,
  id: string,
  revision: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (isCommit(revision)) return revision;
  const url = `${hub.url}/api/models/${id}/revision/${encodeURIComponent(revision)}`;
  const { value } = await fetchJson(hub, url, signal);
  const sha = isRecord(value) ? value["sha"] : undefined;
  if (typeof sha === "string" && isCommit(sha)) return sha;
  return failAnswer(url, `a commit of 40 digits as sha`, sha);
}

/** All files of a commit. */
export async function listHubFiles(
  hub: HubConnection,
  id: string,
  commit: string,
  signal: AbortSignal | undefined,
): Promise<readonly HubFile[]> {
  const files: HubFile[] = [];
  let url: string | undefined = `${hub.url}/api/models/${id}/tree/${commit}?recursive=true`;
  while (url !== undefined) {
    const { value, headers } = await fetchJson(hub, url, signal);
    if (!Array.isArray(value)) return failAnswer(url, "a list of files", value);
    for (const entry of value) {
      if (!isRecord(entry) || entry["type"] !== "file") continue;
      const { path, size, lfs } = entry;
      const large = isRecord(lfs) ? lfs : undefined;
      const bytes = large?.["size"] ?? size;
      if (typeof path !== "string" || !Number.isSafeInteger(bytes) || (bytes as number) < 0)
        return failAnswer(url, "files with path and size", entry);
      const hash = large?.["oid"];
      const isHash = typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
      files.push({ path, size: bytes as number, ...(isHash ? { sha256: hash } : {}) });
    }
    url = nextPage(headers.get("link"), hub.url);
  }
  return files;
}

/** The address of a file at a commit. */
export function fileUrl(hub: HubConnection, id: string, commit: string, path: string): string {
  return `${hub.url}/${id}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

/** Long lists have pages, of the same hub. */
function nextPage(link: string | null, hub: string): string | undefined {
  const next = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? "")?.[1];
  if (next === undefined) return undefined;
  const url = new URL(next, hub);
  return url.origin === new URL(hub).origin ? url.href : undefined;
}

function failAnswer(url: string, expected: string, received: unknown): never {
  throw new FetchError({
    url,
    problem: `expected ${expected}, received ${showJson(received)}`,
    remedy: "Check the hub's address.",
  });
}
