// Finds code in documents, and checks its types as if it were a file of this repository.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

export interface CodeBlock {
  readonly document: string;
  /** The line number of its first line of code, from 1 on. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

export function codeBlocks(root: string, document: string): CodeBlock[] {
  const text = readFileSync(join(root, document), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(({ index, 1: language, 2: code }) => ({
    document,
    line: text.slice(0, index).split("\n").length + 1,
    language: language!,
    code: code!,
  }));
}

/**
 * What TypeScript reports about the blocks. If the first line is a comment with a path, the block is checked as that file.
 * Other blocks are programs of users: "weft-webgpu" is the current source, and the project's stricter options do not apply.
 */
export function typeProblems(root: string, blocks: readonly CodeBlock[]): string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    root,
  );
  const files = new Map(
    blocks.map((block, index) => [
      join(root, /^\/\/ (src\/\S+\.ts)\n/.exec(block.code)?.[1] ?? `block-${index}.ts`),
      block,
    ]),
  );
  const isOwn = (file: string): boolean => file.startsWith(join(root, "src/"));
  const check = (names: readonly string[], more: ts.CompilerOptions): string[] => {
    const own = { ...options, ...more };
    const host = ts.createCompilerHost(own);
    host.fileExists = (file) => files.has(file) || ts.sys.fileExists(file);
    host.readFile = (file) => files.get(file)?.code ?? ts.sys.readFile(file);
    const program = ts.createProgram([...names], own, host);
    return names.flatMap((name) => {
      const source = program.getSourceFile(name)!;
      return ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
        const { document, line } = files.get(name)!;
        const at = line + source.getLineAndCharacterOfPosition(start).line;
        return `${document}:${at}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
      });
    });
  };
  const names = [...files.keys()];
  return [
    ...check(names.filter(isOwn), {}),
    ...check(
      names.filter((name) => !isOwn(name)),
      {
        noUncheckedIndexedAccess: false,
        noUnusedLocals: false,
        isolatedDeclarations: false,
        declaration: false,
        paths: {
          "weft-webgpu": [join(root, "src/index.ts")],
          "weft-webgpu/static": [join(root, "src/index.ts")],
          "weft-webgpu/worker": [join(root, "src/worker/index.ts")],
          "weft-webgpu/openai": [join(root, "src/openai/index.ts")],
          "weft-webgpu/ai-sdk": [join(root, "src/ai-sdk/index.ts")],
        },
      },
    ),
  ];
}
