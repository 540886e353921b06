// Tells whether dist/ was built from the current source, so that a command can begin at once. Plain JavaScript, because it is
// part of the set-up.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The inputs of the build. */
const inputs = ["package.json", "package-lock.json", "shaders", "src", "tsconfig.json", "vite.config.ts"];

/** In dist/, which every build empties first, so a half-finished build has no stamp. */
const stampOf = (root) => join(root, "dist", ".source-hash");

/**
 * Hashes the names and contents of all inputs.
 * @param {string} root
 * @returns {string}
 */
export function hashSource(root) {
  const hash = createHash("sha256");
  for (const path of inputs.flatMap((input) => filesIn(root, input)))
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  return hash.digest("hex");
}

/**
 * @param {string} root
 * @param {string} hash
 * @returns {boolean}
 */
export function isBuilt(root, hash) {
  return existsSync(stampOf(root)) && readFileSync(stampOf(root), "utf8") === hash;
}

/**
 * @param {string} root
 * @param {string} hash of the source that was built
 */
export function markBuilt(root, hash) {
  writeFileSync(stampOf(root), hash);
}

function filesIn(root, path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path))
    .toSorted()
    .flatMap((name) => filesIn(root, `${path}/${name}`));
}
