// Finds a Redis server for the tests of queues: the system's, or Debian's, unpacked beside the dependencies. Plain JavaScript, because it
// is part of the set-up.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder, unpackPackage } from "./debian-packages.js";

const usualPlaces = [
  "/usr/bin/redis-server",
  "/usr/local/bin/redis-server",
  "/opt/homebrew/bin/redis-server",
];

/**
 * The server's executable and the libraries that it needs beside the system's, or why there is none.
 * @param {string} folder where it is, or is to be, unpacked
 * @returns {{ path: string, libraries?: string } | { missing: string }}
 */
export function findRedis(folder) {
  const named = process.env.WEFT_REDIS;
  if (named)
    return existsSync(named)
      ? { path: named }
      : { missing: `WEFT_REDIS names ${named}, which does not exist` };
  const installed = usualPlaces.find((path) => existsSync(path));
  if (installed) return { path: installed };
  const missing = unpackPackage(folder, "redis-server", { purpose: "Redis, for the tests of queues" });
  if (missing !== undefined)
    return { missing: `no Redis was found (${missing}): install it, or set WEFT_REDIS to its server` };
  const path = join(folder, "usr", "bin", "redis-server");
  const libraries = libraryFolder(folder);
  if (!existsSync(path)) return { missing: "Debian's redis-server has no executable" };
  return { path, ...(libraries ? { libraries } : {}) };
}
