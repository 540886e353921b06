// The import table of ARCHITECTURE.md, read from the source itself: who may import whom, and that no folders form a cycle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Folders of src (and "index" for src/index.ts) that each may import. All may import errors.ts, util and themselves. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  util: [],
  tensor: [],
  gpu: ["tensor"],
  files: ["tensor"],
  text: [],
  plan: [],
  trace: ["plan"],
  schedule: ["plan", "trace"],
  kernels: ["gpu", "tensor", "shaders"],
  families: ["files", "tensor"],
  layers: ["families", "kernels", "gpu", "tensor"],
  model: ["layers", "families", "kernels", "gpu", "files", "plan", "tensor"],
  tuning: ["model", "layers", "families", "kernels", "gpu", "plan", "tensor"],
  "runtime/load": [
    "tuning",
    "model",
    "layers",
    "families",
    "kernels",
    "gpu",
    "files",
    "schedule",
    "plan",
    "tensor",
  ],
  "runtime/passes": ["runtime/load", "model", "schedule", "trace", "plan", "kernels", "gpu", "tensor"],
  "runtime/generate": ["runtime/load", "model", "layers", "families", "schedule", "text", "kernels", "gpu"],
  "runtime/train": [
    "runtime/passes",
    "runtime/load",
    "model",
    "layers",
    "schedule",
    "trace",
    "plan",
    "files",
    "kernels",
    "gpu",
  ],
  runtime: [
    "runtime/train",
    "runtime/generate",
    "runtime/passes",
    "runtime/load",
    "model",
    "families",
    "trace",
    "text",
    "files",
    "plan",
    "gpu",
    "tensor",
  ],
  index: [
    "runtime",
    "runtime/train",
    "runtime/generate",
    "runtime/passes",
    "runtime/load",
    "tuning",
    "model",
    "families",
    "text",
    "files",
    "trace",
    "plan",
    "gpu",
    "tensor",
  ],
  worker: ["index"],
  jobs: ["index"],
  demo: ["jobs", "index"],
  // Benchmarks check their results against the float64 reference.
  cli: ["jobs", "worker", "index", "test"],
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

/** "gpu" for src/gpu/queue.ts, "runtime/load" for a wing of runtime, "errors" for src/errors.ts, "shaders" for anything there. */
function folderOf(path: string): string {
  const [top, second, third, fourth] = path.split("/");
  if (top !== "src") return top!;
  if (second === "runtime" && fourth !== undefined) return `runtime/${third!}`;
  return second!.replace(/\.[jt]s$/, "");
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name))
    .map((name) => join(folder, name));
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}
