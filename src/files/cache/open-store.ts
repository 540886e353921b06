// The store of downloads of this environment.
import { hasDisk } from "../disk-folder.js";
import { DiskStore } from "./disk-store.js";
import { OpfsStore } from "./opfs-store.js";
import type { PartStore } from "./part-store.js";

/** A folder in Node, the browser's file system elsewhere. Undefined if a browser has none that can be written to. */
export async function openStore(): Promise<PartStore | undefined> {
  return hasDisk() ? new DiskStore() : OpfsStore.open();
}
