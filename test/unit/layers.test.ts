// The import table of DESIGN §6, read from the source itself: who may import whom, and that no folders form a cycle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Folders of src (and "index" for src/index.ts) that each may import. All may import errors.ts, util and themselves. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  util: [],
  tensor: [],
  gpu: ["tensor"],
  kernels: ["gpu", "tensor", "shaders"],
  plan: [],
  schedule: ["plan"],
  files: ["tensor"],
  text: ["tensor"],
  families: ["files", "tensor"],
  model: ["kernels", "gpu", "tensor", "plan", "files", "families"],
  train: ["model", "kernels", "gpu", "tensor", "plan", "files", "families"],
  runtime: ["tensor", "gpu", "kernels", "plan", "schedule", "files", "families", "text", "model", "train"],
  index: ["runtime", "train", "text", "files", "families", "schedule", "plan", "gpu"],
  worker: ["index"],
  demo: ["index"],
  // The command line runs the job of the page; benchmarks check their results against the float64 reference.
  cli: ["index", "worker", "demo", "test"],
};

interface Import {
  readonly file: string;
  readonly target: string;
}

describe("the layers of the code", () => {
  it("import only what the design allows", () => {
    const forbidden = imports().filter(({ file, target }) => {
      const [from, to] = [folderOf(file), folderOf(target)];
      return from !== to && to !== "errors" && to !== "util" && !allowed[from]?.includes(to);
    });
    expect(forbidden).toEqual([]);
  });

  it("have no cycle between folders", () => {
    const edges = new Map<string, Set<string>>();
    for (const { file, target } of imports()) {
      const [from, to] = [folderOf(file), folderOf(target)];
      if (from !== to) edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
    const visit = (folder: string, path: readonly string[]): void => {
      expect(path, "a cycle of folders").not.toContain(folder);
      for (const next of edges.get(folder) ?? []) visit(next, [...path, folder]);
    };
    for (const folder of edges.keys()) visit(folder, []);
  });

  it("keep the reference free of what it checks", () => {
    const shared = imports("test/reference").filter(
      ({ target }) => target.startsWith("src/") && folderOf(target) !== "tensor",
    );
    expect(shared).toEqual([]);
  });

  it("keep WGSL in .wgsl files", () => {
    const withWgsl = sourceFiles("src").filter((file) => /@compute|@workgroup_size/.test(read(file)));
    expect(withWgsl).toEqual([]);
  });
});

function imports(folder = "src"): Import[] {
  return sourceFiles(folder).flatMap((file) =>
    [...read(file).matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, specifier]) => ({
      file,
      target: relative(root, resolve(root, dirname(file), specifier!)),
    })),
  );
}

/** "gpu" for src/gpu/queue.ts, "errors" for src/errors.ts, "shaders" for anything there. */
function folderOf(path: string): string {
  const [top, second] = path.split("/");
  return (top === "src" ? second! : top!).replace(/\.[jt]s$/, "");
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name))
    .map((name) => join(folder, name));
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}
