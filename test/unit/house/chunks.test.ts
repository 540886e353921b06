// What a page loads when it only generates: the files of what is built, against what imports what.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSharedWithPage, trainingEntry } from "../../../src/chunks.js";
import { listImports, listSourceFiles, read, repository } from "../../helpers/imports.js";

const imports = listImports("src").filter(({ isTypeOnly }) => !isTypeOnly);

describe("the files of what is built", () => {
  it("have nothing of training but what begins it, until a run begins", () => {
    expect(existsSync(join(repository, trainingEntry))).toBe(true);
    expect(imports).toContainEqual(expect.objectContaining({ target: trainingEntry, isDynamic: true }));
    const ofTraining = /^shaders\/.*(backward|optimizer)|kernels\/.*backward|train\/session/;
    expect(reach(trainingEntry).filter((file) => ofTraining.test(file)).length).toBeGreaterThan(10);
    expect(reach("src/index.ts").filter((file) => ofTraining.test(file))).toEqual([]);
  });

  it("are waited for by what says how to do without them, where they can't be loaded", () => {
    const own = listSourceFiles("src").filter((file) => !/^src\/(cli|demo|jobs)\//.test(file));
    const places = (pattern: RegExp): string[] =>
      own.flatMap((file) => [...read(file).matchAll(pattern)].map(([line]) => `${file}: ${line}`));
    expect(places(/loadPart\(import\("/g).length).toBeGreaterThan(10);
    // The page's half of a worker has no part of the runtime, so its connection fails instead; test/e2e/tabs-worker.test.ts looks.
    const inWorkers = 'src/worker/channel.ts:   const arriving = import("';
    expect(places(/.*(?<!loadPart\(|typeof )\bimport\("/g)).toEqual([inWorkers]);
  });

  it("let a page whose model is in a worker load no more than is listed for it", () => {
    const others = imports.filter(({ file, target }) => isSharedWithPage(file) && !isSharedWithPage(target));
    expect(others).toEqual([]);
  });
});

/** All files that `from` loads at once. */
function reach(from: string): string[] {
  const seen = new Set<string>();
  const queue = [from];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const own of imports) if (own.file === file && !own.isDynamic) queue.push(own.target);
  }
  return [...seen];
}
