// Whether dist/ was built from the source as it is: then a command begins at once. Plain JavaScript: it is part of the
// set-up.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the module and the commands are built from. */
const inputs = ["package.json", "package-lock.json", "shaders", "src", "tsconfig.json", "vite.config.ts"];

/** In dist/, which every build of the module empties first: what is half built has none. */
const stampOf = (root) => join(root, "dist", ".source-hash");

/**
 * A hash of names and contents of all inputs.
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
