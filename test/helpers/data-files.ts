// Data files for tests that run in a page (from the test server) and in Node (from the disk).
import { describe, expect, it } from "vitest";

const inBrowser = typeof document === "object";

/** The location of a file or folder of the repository, for Model.load and `readJson`. */
export function repositoryFile(path: string): string {
  return inBrowser ? `/${path}` : `${import.meta.env["WEFT_ROOT"]}/${path}`;
}

/** The same for the shared data beside the repository, such as sharedFile("models/gpt2-nano-sort"). */
export function sharedFile(path: string): string {
  const folder = String(import.meta.env["WEFT_SHARED"]);
  return inBrowser ? `/@fs${folder}/${path}` : `${folder}/${path}`;
}

/** The parsed content of a JSON file, or undefined if there is none. */
export async function readJson<T>(location: string): Promise<T | undefined> {
  if (inBrowser) {
    const response = await fetch(location);
    // For a missing file, the test server sends its own page.
    const isJson = response.ok && response.headers.get("content-type")?.includes("json");
    return isJson ? ((await response.json()) as T) : undefined;
  }
  const { existsSync, readFileSync } = process.getBuiltinModule("node:fs");
  return existsSync(location) ? (JSON.parse(readFileSync(location, "utf8")) as T) : undefined;
}

/** The bytes of a file. */
export async function readFileBytes(location: string): Promise<Uint8Array<ArrayBuffer>> {
  if (inBrowser) return new Uint8Array(await (await fetch(location)).arrayBuffer());
  return new Uint8Array(process.getBuiltinModule("node:fs").readFileSync(location));
}

/**
 * Describes the `testCount` tests that `body` registers, which need a shared model. If it is missing, that number is printed,
 * and CI fails.
 */
export async function describeWithSharedModel(
  model: string,
  testCount: number,
  body: (folder: string) => void,
): Promise<void> {
  const folder = sharedFile(`models/${model}`);
  const isPresent = (await readJson(`${folder}/config.json`)) !== undefined;
  describe(`with ${model}`, () => {
    if (isPresent) {
      body(folder);
      return;
    }
    it(`has the shared model (${testCount} tests need it)`, (context) => {
      expect(import.meta.env["WEFT_CI"], `CI must have ${model} in $WEFT_SHARED/models`).toBeFalsy();
      console.info(
        `${testCount} tests left out: no model ${model} in $WEFT_SHARED/models or ../shared/models`,
      );
      context.skip();
    });
  });
}

/** The content of a file that is there. */
export async function readBytes(location: string): Promise<Uint8Array<ArrayBuffer>> {
  if (inBrowser) return new Uint8Array(await (await fetch(location)).arrayBuffer());
  const { readFileSync } = process.getBuiltinModule("node:fs");
  return new Uint8Array(readFileSync(location));
}
