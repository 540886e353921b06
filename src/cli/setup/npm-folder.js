// Packages in a folder of their own, for tests: they would be no use, or in the way, among the dependencies. Plain JavaScript, because
// it is part of the set-up.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Installs exactly these versions, unless they are there already.
 * @param {string} folder where they are, or are to be, installed
 * @param {Record<string, string>} packages
 * @param {string} what what they are, and for what
 * @returns {{ path: string } | { missing: string }} their folder, or why they are not there
 */
export function installInFolder(folder, packages, what) {
  const wanted = JSON.stringify({ private: true, dependencies: packages });
  const list = join(folder, "package.json");
  // Written last: what is only half there is installed again.
  const done = join(folder, ".complete");
  if (existsSync(done) && readFileSync(done, "utf8") === wanted) return { path: folder };
  console.log(`Installing ${what} …`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(list, wanted);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status, stderr } = spawnSync(npm, ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0)
    return {
      missing: `npm could not install ${Object.keys(packages).join(", ")}: ${stderr?.trim().split("\n").at(-1)}`,
    };
  writeFileSync(done, wanted);
  return { path: folder };
}
