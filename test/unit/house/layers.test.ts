// The import table of ARCHITECTURE.md, read from the source itself: who may import whom, and that no folders form a cycle.
import { describe, expect, it } from "vitest";
import { listImports, listSourceFiles, read } from "../../helpers/imports.js";

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

describe("the layers of the code", () => {
  it("import only what the design allows", () => {
    const forbidden = listImports("src").filter(({ file, target }) => {
      const [from, to] = [folderOf(file), folderOf(target)];
      return from !== to && to !== "errors" && to !== "util" && !allowed[from]?.includes(to);
    });
    expect(forbidden).toEqual([]);
  });

  it("have no cycle between folders", () => {
    const edges = new Map<string, Set<string>>();
    for (const { file, target } of listImports("src")) {
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
    const shared = listImports("test/reference").filter(
      ({ target }) => target.startsWith("src/") && folderOf(target) !== "tensor",
    );
    expect(shared).toEqual([]);
  });

  it("know families of models only where they are described", () => {
    // Other runtimes are given GPT-2 to compute, and the models that come with the page have it in their names.
    const named = listSourceFiles("src").filter(
      (file) =>
        !/^src\/(families\/|cli\/bench\/peers\/)/.test(file) &&
        /gpt-?2|llama|bert\b/i.test(
          read(file)
            .replace(/tinystories-gpt2/g, "")
            .replace(/peers\/onnx-gpt2/g, ""),
        ),
    );
    expect(named).toEqual([]);
  });

  it("have no room of more than 15 files", () => {
    const counts = new Map<string, number>();
    for (const file of listSourceFiles("src")) {
      const folder = file.slice(0, file.lastIndexOf("/"));
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    expect([...counts].filter(([, count]) => count > 15)).toEqual([]);
  });

  it("keep WGSL in .wgsl files", () => {
    const withWgsl = listSourceFiles("src").filter((file) => /@compute|@workgroup_size/.test(read(file)));
    expect(withWgsl).toEqual([]);
  });
});

/** "gpu" for src/gpu/queue.ts, "runtime/load" for a wing of runtime, "errors" for src/errors.ts, "shaders" for anything there. */
function folderOf(path: string): string {
  const [top, second, third, fourth] = path.split("/");
  if (top !== "src") return top!;
  if (second === "runtime" && fourth !== undefined) return `runtime/${third!}`;
  return second!.replace(/\.[jt]s$/, "");
}
