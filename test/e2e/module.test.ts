// The built module as a user of the package meets it: what it contains, and the program of the README.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeBlocks } from "../helpers/code-blocks.js";
import { expectBuilt, root } from "./run-start.js";

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  expectBuilt("dist/index.js", "dist/index.d.ts", "dist/third-party-licenses.md");
  // Inside the package, which may import itself by its name.
  await mkdir(join(root, "out"), { recursive: true });
  folder = await mkdtemp(join(root, "out", "module-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("the built module", () => {
  it("has training, GGUF, the hub and each library in a file of its own, which is loaded when it is needed", async () => {
    const files = (await readdir(join(root, "dist"))).filter((name) => name.endsWith(".js"));
    expect(files.toSorted()).toEqual([
      "ai-sdk.js",
      "all-families.js",
      "answer.js",
      "cache-store.js",
      "chat-template.js",
      "constraints.js",
      "core.js",
      "dequantise.js",
      "gguf-files.js",
      "grouped-weights.js",
      "index.js",
      "jinja.js",
      "library-tokenizer.js",
      "model-worker.js",
      "open-hub.js",
      "open-store.js",
      "openai.js",
      "sentence-files.js",
      "shared.js",
      "static.js",
      "tab-session.js",
      "texts.js",
      "training.js",
      "trials.js",
      "worker.js",
    ]);
    const core = await readFile(join(root, "dist/core.js"), "utf8");
    for (const file of [
      "all-families",
      "chat-template",
      "constraints",
      "gguf-files",
      "open-hub",
      "open-store",
      "texts",
      "library-tokenizer",
      "training",
      "trials",
    ]) {
      expect(core).toContain(`import("./${file}.js")`);
      expect(core).not.toMatch(new RegExp(`from ?"./${file}`));
    }
    expect(await readFile(join(root, "dist/chat-template.js"), "utf8")).toContain('import("./jinja.js")');
    // A word of the interpreter of templates.
    expect(core).not.toContain("raise_exception");
    expect(await readFile(join(root, "dist/jinja.js"), "utf8")).toContain("raise_exception");
    // A name in the shaders of the backward pass.
    expect(core).not.toContain("secondCorrection");
    expect(await readFile(join(root, "dist/training.js"), "utf8")).toContain("secondCorrection");
  });

  it("has a form in one file, for where nothing may be loaded later", async () => {
    const whole = await readFile(join(root, "dist/static.js"), "utf8");
    expect(await importsOf("static.js")).toEqual([]);
    // Dawn's package, which only Node has, by a variable.
    expect(whole.match(/\bimport\([^)]*\)/g)).toHaveLength(1);
    expect(whole).toContain("raise_exception");
    expect(whole).toContain("secondCorrection");
  });

  it("gives a page with a worker its half alone, and has the runtime once for both", async () => {
    expect(await importsOf("worker.js")).toEqual(["shared.js"]);
    expect(await importsOf("shared.js")).toEqual([]);
    expect(await importsOf("tab-session.js")).toEqual(["shared.js"]);
    for (const name of ["index.js", "model-worker.js"])
      expect(await importsOf(name)).toEqual(["core.js", "shared.js"]);
  });

  it("names the licence of every library in it", async () => {
    const licences = await readFile(join(root, "dist/third-party-licenses.md"), "utf8");
    expect(licences).toMatch(/^## @huggingface\/jinja - [\d.]+ \(MIT\)$/m);
    expect(licences).toMatch(/^## @huggingface\/tokenizers - [\d.]+ \(Apache-2\.0\)$/m);
    expect(licences).toMatch(/^## @mlc-ai\/web-xgrammar - [\d.]+ \(Apache-2\.0\)$/m);
    expect(licences).toMatch(/^## @noble\/hashes - [\d.]+ \(MIT\)$/m);
    expect(licences.match(/^## /gm)).toHaveLength(4);
  });

  it("renders a chat template in Node", async () => {
    const program = join(folder, "chat.mjs");
    await writeFile(
      program,
      `import { readFile } from "node:fs/promises";
      import { Model } from "weft-webgpu";
      const folder = ${JSON.stringify(join(root, "dist/tinystories-gpt2"))};
      const read = async (name) => JSON.parse(await readFile(folder + "/" + name, "utf8"));
      const model = await Model.load({
        config: await read("config.json"),
        weights: await readFile(folder + "/model.safetensors"),
        tokenizer: await read("tokenizer.json"),
        tokenizerConfig: { chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}" },
      });
      const options = { temperature: 0, maxTokens: 8 };
      const chat = await model.chat([{ role: "user", content: "Once upon" }, { role: "user", content: " a time" }], options);
      const text = await model.generate("Once upon a time", options);
      console.log(JSON.stringify([chat.text, text.text]));
      model.dispose();`,
    );
    const { stdout } = await run(process.execPath, [program]);
    const [chat, text] = JSON.parse(stdout) as string[];
    expect(chat).toBe(text);
    expect(chat).toMatch(/[a-z]/);
  });
});

describe("the program in the README", () => {
  let program: string;
  beforeAll(async () => {
    const readme = await readFile(join(root, "README.md"), "utf8");
    const [, code] = /```ts\n(import \{ Model \} from "weft-webgpu";\n.*?)```/s.exec(readme)!;
    program = code!.replace("node_modules/weft-webgpu/dist", join(root, "dist"));
    expect(program).not.toBe(code);
  });

  it("has correct types", async () => {
    const file = join(folder, "readme.ts");
    await writeFile(file, program);
    const types = join(root, "node_modules/@webgpu/types");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2023", "--module", "nodenext"];
    const lib = ["--lib", "es2023,esnext.disposable,dom,dom.iterable,dom.asynciterable", "--types", types];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, ...options, ...lib, "--ignoreConfig", file]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe("");
  });

  it("runs in Node", async () => {
    const file = join(folder, "readme.mjs");
    await writeFile(file, program);
    const { stdout } = await run(process.execPath, [file]);
    expect(stdout).toMatch(/^,? ?\S/);
    expect(stdout).toMatch(/^\d+\.\d+ \{$/m);
    expect(stdout).toMatch(/generatedTokens: \d+/);
    const losses = [...stdout.matchAll(/^\d+ ([\d.]+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(20);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  });
});

describe("the program in SCHEDULING.md, in Node", () => {
  it("makes the trace that the page explains", async () => {
    const { code } = codeBlocks(root, "SCHEDULING.md").find(({ language }) => language === "ts")!;
    const file = join(folder, "scheduling.mjs");
    const target = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
    await writeFile(file, ts.transpile(code, target));
    const { stdout: output } = await run(process.execPath, [file]);
    const explained = tasksIn(await readFile(join(root, "SCHEDULING.md"), "utf8"));
    expect(explained).toHaveLength(21);
    expect(tasksIn(output)).toEqual(explained);
    // No way in which it breaks the plan.
    expect(output).toMatch(/^\[\] \{$/m);
    expect(output).toMatch(/efficiency: 0\.\d+/);
  });
});

/** Every task that a text names. */
function tasksIn(text: string): string[] {
  return (text.match(/(?:slice|attention) \d \d \d \d/g) ?? []).toSorted();
}

/** The files beside it that a built file begins with. */
async function importsOf(name: string): Promise<string[]> {
  const code = await readFile(join(root, "dist", name), "utf8");
  return [...code.matchAll(/from "\.\/([\w-]+\.js)"/g)].map(([, file]) => file!).toSorted();
}
