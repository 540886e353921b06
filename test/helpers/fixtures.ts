// Small files of other people's tools that lie in the repository, so that a clone alone tests what reads them. Folders of
// the same form in the shared data hold more of them.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sharedPath } from "./shared-models.js";

const folder = fileURLToPath(new URL("../fixtures", import.meta.url));

/** The path of a fixture: fixturePath("gguf", "metadata"). */
export function fixturePath(...parts: string[]): string {
  return join(folder, ...parts);
}

export interface OracleFolder {
  readonly name: string;
  readonly path: string;
}

/** The folder of fixtures gguf/`part`, and that of the shared data where it is present. What is left out is printed. */
export function ggufFolders(part: string): readonly OracleFolder[] {
  const shared = sharedPath("models", "gguf", part);
  const own = { name: "the repository", path: fixturePath("gguf", part) };
  if (existsSync(shared)) return [own, { name: "the shared data", path: shared }];
  console.info(`left out: the larger files of gguf/${part}, as there is no ${shared}`);
  return [own];
}

export function readBytes(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(path));
}

// The type is what the reader of the file expects; a wrong one fails where it is used.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function readJsonFile<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
