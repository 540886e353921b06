// Finds lavapipe, Mesa's software driver for Vulkan: the only software adapter with shader-f16. Dawn accepts it from Mesa 25
// on. On Debian its packages are unpacked beside the dependencies; nothing is installed on the system, and no other program
// sees it. Plain JavaScript, because it is part of the set-up.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder, unpackPackage } from "./debian-packages.js";

/**
 * The environment that Dawn needs to run on lavapipe, or why it is missing.
 * @param {string} folder where it is, or is to be, unpacked
 * @returns {{ icd: string, libraries: string } | { missing: string }}
 */
export function findLavapipe(folder) {
  // The Mesa of bookworm is too old.
  const missing = unpackPackage(folder, "mesa-vulkan-drivers", {
    purpose: "lavapipe, for the tests that need shader-f16",
    newerThan: "bookworm",
  });
  if (missing !== undefined) return { missing };
  const icds = join(folder, "usr", "share", "vulkan", "icd.d");
  const icd = existsSync(icds) && readdirSync(icds).find((name) => name.startsWith("lvp_icd"));
  const libraries = libraryFolder(folder);
  if (icd && libraries) return { icd: join(icds, icd), libraries };
  return { missing: "Debian's mesa-vulkan-drivers has no lavapipe for this machine" };
}
