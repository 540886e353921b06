// Trained models with outputs computed by other people's code. They are not in the repository, but in $WEFT_SHARED or
// ../shared. If they are missing, that is printed and counted, and CI fails.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const sharedFolder = process.env["WEFT_SHARED"] ?? fileURLToPath(new URL("../../../shared", import.meta.url));

/** The path of a file or folder of the shared data: sharedPath("models", "gpt2-nano-sort"). */
export function sharedPath(...parts: string[]): string {
  return join(sharedFolder, ...parts);
}

/** The text of a file of the shared data; its JSON is typed where it is parsed. */
export function readSharedText(...parts: string[]): string {
  return readFileSync(sharedPath(...parts), "utf8");
}

/** Describes the `testCount` tests that `body` registers, which need models/`model`. `body` may read its files. */
export function describeWithModel(model: string, testCount: number, body: () => void): void {
  describeWithShared(`models/${model}`, testCount, body);
}

/** The same for any file or folder of the shared data. */
export function describeWithShared(path: string, testCount: number, body: () => void): void {
  describe(`with ${path}`, () => {
    if (existsSync(sharedPath(...path.split("/")))) body();
    else reportMissing(path, testCount);
  });
}

/** Registers a test that says what of the shared data is missing, and how many tests need it. In CI it fails. */
export function reportMissing(what: string, testCount: number): void {
  it(`has ${what} of the shared data (${testCount} tests need it)`, (context) => {
    expect(process.env["CI"], `CI must have ${what} in $WEFT_SHARED`).toBeFalsy();
    console.info(`${testCount} tests left out: no ${what} in $WEFT_SHARED or ../shared`);
    context.skip();
  });
}
