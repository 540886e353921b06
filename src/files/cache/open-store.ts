// The store of downloads of this environment.
import { hasDisk } from "../disk-folder.js";
import { DiskStore } from "./disk-store.js";
import { OpfsStore } from "./opfs-store.js";
import type { PartStore } from "./part-store.js";
import { loadPart } from "../../util/load-part.js";

/**
 * A folder in Node; elsewhere the browser's file system or, where that can't be written to, its cache of answers. Undefined if a
 * browser has neither.
 */
export async function openStore(): Promise<PartStore | undefined> {
  if (hasDisk()) return new DiskStore();
  return (await OpfsStore.open()) ?? (await loadPart(import("./cache-store.js"))).CacheStore.open();
}
