// Models that Python tools have downloaded: in Node, a snapshot that stands in the user's Hugging Face cache is used as it is.
// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
import { isCommit } from "./hub-api.js";

/** The folder of a repository's snapshot, and its files. Undefined if there is none of this revision. */
export function findSnapshot(
  id: string,
  revision: string,
): { readonly folder: string; readonly paths: readonly string[] } | undefined {
  const { existsSync, readdirSync, readFileSync } = process.getBuiltinModule("node:fs");
  const path = process.getBuiltinModule("node:path");
  const { HF_HUB_CACHE: hub, HF_HOME: home, XDG_CACHE_HOME: caches } = process.env;
  const user = process.getBuiltinModule("node:os").homedir();
  const root = hub || path.join(home || path.join(caches || path.join(user, ".cache"), "huggingface"), "hub");
  const repository = path.join(root, `models--${id.replace("/", "--")}`);
  try {
    const ref = path.join(repository, "refs", ...revision.split("/"));
    const commit = isCommit(revision) ? revision : readFileSync(ref, "utf8").trim();
    if (!isCommit(commit)) return undefined;
    const folder = path.join(repository, "snapshots", commit);
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
      // Links lead to files that may have been removed.
      .filter((own) => existsSync(path.join(folder, own)))
      .map((own) => own.split(path.sep).join("/"));
    return { folder, paths };
  } catch {
    return undefined;
  }
}
