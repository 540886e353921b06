// The documents: their code has the types it should, and what they name is there.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { codeBlocks, typeProblems, type CodeBlock } from "../../helpers/code-blocks.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SCHEDULING.md",
  "EXTENDING.md",
  "BENCHMARKS.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "API.md",
  "MODELS.md",
  "RELEASING.md",
  "SERVING.md",
];
const blocks = documents.flatMap((document) => codeBlocks(root, document));
const { scripts, bin } = JSON.parse(read("package.json")) as Record<
  "scripts" | "bin",
  Record<string, string>
>;

describe("the code in documents", () => {
  it("has correct types", () => {
    // The API's page is signatures but for its examples; only these are checked.
    const checked = blocks.filter(
      ({ document, language, code }) =>
        language === "ts" && (document !== "API.md" || code.startsWith("import ")),
    );
    const from = (document: string): CodeBlock[] => checked.filter((block) => block.document === document);
    for (const document of ["README.md", "SCHEDULING.md", "EXTENDING.md", "API.md"])
      expect(from(document), document).not.toEqual([]);
    expect(typeProblems(root, checked)).toEqual([]);
  });

  it("is refused where it has wrong ones, or imports what is not there", () => {
    const block = { document: "X.md", line: 5, language: "ts" };
    const problems = typeProblems(root, [
      { ...block, code: 'import { Model } from "weft-webgpu";\nawait Model.load(7);\n' },
      { ...block, code: 'import { Nothing } from "weft-webgpu/worker";\nNothing;\n' },
      {
        ...block,
        code: '// src/kernels/linear/x.ts\nimport { linear } from "./linear.js";\nexport default linear;\n',
      },
    ]);
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/^X\.md:6: .*'linear'/);
    expect(problems[1]).toMatch(/^X\.md:6: .*'number' is not assignable/);
    expect(problems[2]).toMatch(/^X\.md:5: .*'Nothing'/);
  });

  it("is in a language that is looked at here", () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(
      new Set(["sh", "ts", "yaml", "dockerfile"]),
    );
  });
});

describe("a command in a document", () => {
  const commands = documents.flatMap((document) => [
    ...[...read(document).matchAll(/`((?:npm|npx) [^`]+)`/g)].map(([, command]) => ({
      document,
      command: command!,
    })),
    ...codeBlocks(root, document)
      .filter(({ language }) => language === "sh")
      .flatMap(({ code }) => code.split("\n").filter(Boolean))
      .map((command) => ({ document, command })),
  ]);

  it.each(commands)("can be called: $command, in $document", ({ command }) => {
    for (const part of command.split(" && ")) expect(isKnown(part), part).toBe(true);
  });

  it("is refused where there is none", () => {
    for (const command of ["npm run nothing", "npx nothing", "npx weft-webgpu nothing", "weft score"])
      expect(isKnown(command)).toBe(false);
  });
});

it.each(documents)("%s links to what is there", (document) => {
  const text = read(document);
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !link.startsWith("http"));
  const headings = new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!.toLowerCase()));
  const dead = links.filter((link) =>
    link.startsWith("#") ? !headings.has(link.slice(1)) : !existsSync(join(root, dirname(document), link)),
  );
  expect(dead).toEqual([]);
});

const namingFiles = ["SCHEDULING.md", "EXTENDING.md", "CONTRIBUTING.md", "ARCHITECTURE.md"];
it.each(namingFiles)("%s names files that are there", (document) => {
  const files = [...read(document).matchAll(/`((?:src|test|shaders)\/[\w./-]+)`/g)].map(([, file]) => file!);
  expect(files.length).toBeGreaterThan(4);
  // The shader of the example is the reader's to write.
  const missing = files.filter((file) => !existsSync(join(root, file)) && !file.includes("narrow"));
  expect(missing).toEqual([]);
});

it("EXTENDING.md shows the family that test/gpu/example-family.test.ts executes", () => {
  const shown = blocks.filter(
    ({ document, code }) => document === "EXTENDING.md" && code.startsWith("// src/families/"),
  );
  const executed = read("test/helpers/example-family.ts").replaceAll("../../src/families/", "./");
  expect(shown.map(({ code }) => withoutHead(code))).toEqual([withoutHead(executed)]);
});

/** "npm start", "npm run build -- --x", "npx weft-webgpu score", "npx vitest run". */
function isKnown(command: string): boolean {
  const [program, first = "", second = ""] = command.replace(/ +#.*/, "").split(/\s+/);
  if (program === "npm")
    return first === "run"
      ? second in scripts
      : first in scripts || ["ci", "install", "pack", "publish", "version"].includes(first);
  if (program !== "npx") return false;
  if (!(first in bin)) return existsSync(join(root, "node_modules/.bin", first));
  return second === "" || second === "COMMAND" || commandsOf().includes(second);
}

/** What the package's own program knows. */
function commandsOf(): string[] {
  const [, list] = /const commands = \[(.*?)\]/.exec(read("src/cli/weft.ts"))!;
  return [...list!.matchAll(/"(\w+)"/g)].map(([, command]) => command!);
}

/** Without the comment that a file begins with. */
function withoutHead(code: string): string {
  return code.replace(/^(\/\/.*\n)+/, "");
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}
