// What a command takes for built: the source as it is, and nothing else.
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";

interface BuildStamp {
  readonly hashSource: (root: string) => string;
  readonly isBuilt: (root: string, hash: string) => boolean;
  readonly markBuilt: (root: string, hash: string) => void;
}

const repository = fileURLToPath(new URL("../../..", import.meta.url));
// Plain JavaScript, without types.
const { hashSource, isBuilt, markBuilt } = (await import(
  join(repository, "src/cli/setup/build-stamp.js")
)) as BuildStamp;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "weft-stamp-"));
  for (const folder of ["dist", "shaders/linear", "src/gpu"])
    await mkdir(join(root, folder), { recursive: true });
  for (const file of ["package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"])
    await cp(join(repository, file), join(root, file));
  await writeFile(join(root, "src/gpu/queue.ts"), "export {};\n");
  await writeFile(join(root, "shaders/linear/forward.wgsl"), "// a kernel\n");
});

afterEach(() => rm(root, { recursive: true, force: true }));

it("is what was marked as built, until the build is emptied", async () => {
  const hash = hashSource(root);
  expect(isBuilt(root, hash)).toBe(false);
  markBuilt(root, hash);
  expect(isBuilt(root, hashSource(root))).toBe(true);
  await rm(join(root, "dist"), { recursive: true });
  expect(isBuilt(root, hash)).toBe(false);
});

it("is no longer built when a file changes, comes or gets another name", async () => {
  const hashes = [hashSource(root)];
  await writeFile(join(root, "shaders/linear/forward.wgsl"), "// another kernel\n");
  hashes.push(hashSource(root));
  await writeFile(join(root, "src/gpu/fence.ts"), "");
  hashes.push(hashSource(root));
  await rename(join(root, "src/gpu/queue.ts"), join(root, "src/gpu/queues.ts"));
  hashes.push(hashSource(root));
  await writeFile(join(root, "vite.config.ts"), "");
  hashes.push(hashSource(root));
  expect(new Set(hashes).size).toBe(hashes.length);
});

it("does not look at what is not built from", async () => {
  const hash = hashSource(root);
  await writeFile(join(root, "README.md"), "# weft\n");
  await writeFile(join(root, "dist/index.js"), "");
  expect(hashSource(root)).toBe(hash);
});
