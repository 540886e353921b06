// Holds the source to the table of rooms in ARCHITECTURE.md: who imports whom, and that no rooms form a cycle.
import { describe, expect, it } from "vitest";
import { listImports, listSourceFiles, read } from "../../helpers/imports.js";

/** What each room of src imports by the table. All may import errors.ts, util and themselves. */
const allowed: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [...read("ARCHITECTURE.md").matchAll(/^\| `src\/([\w/-]+)[.\w]*` +\|[^|]+\|([^|]+)\|$/gm)].map(
    ([, room, imports]) => [room!, imports!.match(/[\w/-]+/g) ?? []],
  ),
);

describe("the layers of the code", () => {
  it("import what the table says, and nothing else", () => {
    const imported = new Map(Object.keys(allowed).map((room) => [room, new Set<string>()]));
    for (const { file, target } of listImports("src")) {
      const [from, to] = [folderOf(file), folderOf(target)];
      if (from === to || to === "errors" || to === "util") continue;
      expect(allowed[from] ?? [], `${file} imports ${target}`).toContain(to);
      imported.get(from)!.add(to);
    }
    for (const [room, rooms] of imported)
      expect([...rooms].toSorted(), room).toEqual(allowed[room]!.toSorted());
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
    // Other runtimes are given GPT-2 to compute, benchmarks make up models of known kinds, the models that come with the page have
    // it in their names, and files name kinds of tokenizers after models.
    const named = listSourceFiles("src").filter(
      (file) =>
        !/^src\/(families\/|text\/gguf\/|cli\/bench\/(peers|made-up)\/)/.test(file) &&
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
