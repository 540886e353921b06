// The packed package as its users have it: installed into a program for Node, a page without a bundler, a worker, and an
// app built with Vite. Each runs a forward pass for real, and all agree.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "puppeteer";
import { build, createServer, type InlineConfig } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import webpack from "webpack";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve } from "../../src/cli/browser/serve.js";
import { expectBuilt, root } from "./run-start.js";

const run = promisify(execFile);
const bin = (name: string): string => join(root, "node_modules", ".bin", name);

/** The likeliest token after each sentence, by every program here. */
const sentences = [[1, 2, 3], [40], [5, 6, 7, 8, 9]];
const expected = async (folder: string): Promise<string> => {
  const { stdout } = await run(process.execPath, [join(folder, "program.mjs")], { cwd: folder });
  return stdout.trim();
};
const likeliest = `(logits) => JSON.stringify(logits.map((row) => row.indexOf(Math.max(...row))))`;

/** As `likeliest`, of a model in a worker; `source` is where it is loaded from. */
const inWorker = (module: string, source: string): string => `import { WorkerModel } from "${module}";
  const model = await WorkerModel.load(${source});
  const { logits } = await model.forward(${JSON.stringify(sentences)});
  await model.encode("A cat");
  document.body.textContent = (${likeliest})(logits);
  model.dispose();`;

let folder: string;
let tarball: string;
let launched: LaunchedBrowser;

beforeAll(async () => {
  expectBuilt("dist/index.js", "dist/index.d.ts", "dist/cli/weft.js");
  folder = await mkdtemp(join(tmpdir(), "weft-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: root });
  tarball = join(
    folder,
    (await readdir(folder)).find((name) => name.endsWith(".tgz"))!,
  );
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  // Without peers: Dawn, which is large, is the project's own.
  await run("npm", ["install", "--no-audit", "--no-fund", "--legacy-peer-deps", tarball], { cwd: folder });
  await symlink(join(root, "node_modules", "webgpu"), join(folder, "node_modules", "webgpu"));
  await writeFile(
    join(folder, "program.mjs"),
    `import { fileURLToPath } from "node:url";
    import { Model } from "weft-webgpu";
    const config = fileURLToPath(import.meta.resolve("weft-webgpu/tinystories-gpt2/config.json"));
    const model = await Model.load(config.slice(0, -"config.json".length));
    const { logits } = await model.forward(${JSON.stringify(sentences)});
    console.log((${likeliest})(logits));
    model.dispose();
    process.exit(0);`,
  );
  launched = await launchBrowser();
});

afterAll(async () => {
  await launched?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Opens a folder's index.html; answers what the page puts into its body, and fails on anything it complains about. */
async function bodyOf(site: string): Promise<string> {
  const server = await serve({ "/": site });
  try {
    return await bodyAt(`${server.origin}/index.html`);
  } finally {
    await server.close();
  }
}

async function bodyAt(address: string): Promise<string> {
  const page: Page = await launched.browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A browser writes a line of its own for a file that a folder need not have, and this model has no chat template.
    const isOptional = message.location().url?.endsWith("/chat_template.jinja");
    if (message.type() === "error" && !isOptional) complaints.push(message.text());
  });
  try {
    await page.goto(address);
    await page.waitForFunction('document.body.textContent.trim() !== ""', { timeout: 60_000 });
    expect(complaints).toEqual([]);
    return (await page.evaluate("document.body.textContent.trim()")) as string;
  } finally {
    await page.close();
  }
}

const icon = '<link rel="icon" href="data:,">';
const pageOf = (script: string): string =>
  `<!doctype html>${icon}<body></body><script type="module" src="${script}"></script>`;

describe("the packed package", () => {
  it("has nothing that publint or arethetypeswrong would complain about", async () => {
    const lint = await run(bin("publint"), [tarball, "--strict"], { cwd: root });
    expect(lint.stdout).toMatch(/All good!/);
    // Exits with 1 where a resolution that an ESM package should have fails.
    const types = await run(bin("attw"), [tarball, "--profile", "esm-only", "--no-color"], { cwd: root });
    expect(types.stdout).toMatch(/bundler(:| +│) 🟢/);
  });

  it("has the files that its README links to", async () => {
    const installed = join(folder, "node_modules", "weft-webgpu");
    const readme = await readFile(join(installed, "README.md"), "utf8");
    const links = [...readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !link.includes(":"));
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((link) => !existsSync(join(installed, link)))).toEqual([]);
  });

  it("runs in Node", async () => {
    expect(JSON.parse(await expected(folder))).toEqual(sentences.map(() => expect.any(Number) as number));
  });

  it("can be imported where there is neither navigator nor window", async () => {
    const { stdout } = await run(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `delete globalThis.navigator;
        await import("weft-webgpu");
        const { WorkerModel, WorkerError } = await import("weft-webgpu/worker");
        await WorkerModel.load("nowhere").catch((error) => console.log(error instanceof WorkerError, error.reason));`,
      ],
      { cwd: folder },
    );
    expect(stdout.trim()).toBe("true unsupported");
  });

  it("runs in a page without a bundler, and in a worker of it", async () => {
    const site = join(folder, "plain");
    await mkdir(site);
    await cp(join(folder, "node_modules", "weft-webgpu", "dist"), join(site, "weft"), { recursive: true });
    const program = `import { Model } from "./weft/index.js";
      const model = await Model.load(new URL("./weft/tinystories-gpt2/", location.href));
      const { logits } = await model.forward(${JSON.stringify(sentences)});
      const found = (${likeliest})(logits);
      model.dispose();`;
    await writeFile(join(site, "page.js"), `${program}\ndocument.body.textContent = found;`);
    await writeFile(join(site, "worker.js"), `${program}\npostMessage(found);`);
    const inNode = await expected(folder);
    await writeFile(join(site, "index.html"), pageOf("./page.js"));
    expect(await bodyOf(site)).toBe(inNode);
    await writeFile(
      join(site, "page.js"),
      `const worker = new Worker("./worker.js", { type: "module" });
      worker.onmessage = ({ data }) => (document.body.textContent = data);
      worker.onerror = ({ message }) => (document.body.textContent = message);`,
    );
    expect(await bodyOf(site)).toBe(inNode);
    await writeFile(join(site, "page.js"), inWorker("./weft/worker.js", '"./weft/tinystories-gpt2/"'));
    expect(await bodyOf(site)).toBe(inNode);

    const reference = await readFile(join(root, "API.md"), "utf8");
    const [, code] = /```ts\n(import \{ WorkerModel \} from "weft-webgpu\/worker";\n.*?)```/s.exec(
      reference,
    )!;
    const shown = code!
      .replace("weft-webgpu/worker", "./weft/worker.js")
      .replace("/tinystories", "/weft/tinystories");
    await writeFile(
      join(site, "page.js"),
      `const pieces = [];
      console.log = (piece) => pieces.push(piece);
      ${shown}
      document.body.textContent = pieces.join("");`,
    );
    expect(await bodyOf(site)).toMatch(/^, there was a/);
  });

  it("runs in an app that Vite built", async () => {
    const app = join(folder, "app");
    await mkdir(app);
    await writeFile(join(app, "index.html"), pageOf("./main.js"));
    await writeFile(
      join(app, "main.js"),
      `import { Model } from "weft-webgpu";
      import config from "weft-webgpu/tinystories-gpt2/config.json";
      import weightsUrl from "weft-webgpu/tinystories-gpt2/model.safetensors?url";
      const weights = await (await fetch(weightsUrl)).arrayBuffer();
      const model = await Model.load({ config, weights });
      const { logits } = await model.forward(${JSON.stringify(sentences)});
      document.body.textContent = (${likeliest})(logits);
      model.dispose();`,
    );
    await build({ root: app, configFile: false, logLevel: "error", base: "./", build: { target: "es2023" } });
    // The tokenizer is a chunk of its own: a page that never uses it never loads it.
    const scripts = await readdir(join(app, "dist", "assets"));
    expect(scripts.filter((name) => name.startsWith("library-tokenizer"))).toHaveLength(1);
    expect(await bodyOf(join(app, "dist"))).toBe(await expected(folder));
  });

  it("runs in a worker of apps that Vite and webpack built, or that Vite serves", async () => {
    const app = join(folder, "app-with-worker");
    await mkdir(join(app, "public"), { recursive: true });
    await cp(
      join(folder, "node_modules", "weft-webgpu", "dist", "tinystories-gpt2"),
      join(app, "public", "model"),
      {
        recursive: true,
      },
    );
    await writeFile(join(app, "index.html"), pageOf("./main.js"));
    await writeFile(join(app, "main.js"), inWorker("weft-webgpu/worker", '"./model/"'));
    const options: InlineConfig = { root: app, configFile: false, logLevel: "error", base: "./" };
    await build({ ...options, build: { target: "es2023" } });
    const inNode = await expected(folder);
    expect(await bodyOf(join(app, "dist"))).toBe(inNode);

    const development = await createServer({ ...options, server: { port: 0 } });
    try {
      await development.listen();
      expect(await bodyAt(development.resolvedUrls!.local[0]!)).toBe(inNode);
    } finally {
      await development.close();
    }

    const packed = join(app, "packed");
    await cp(join(app, "public"), packed, { recursive: true });
    await writeFile(join(packed, "index.html"), pageOf("./main.js"));
    await new Promise<void>((resolve, reject) => {
      webpack(
        { mode: "production", context: app, entry: "./main.js", output: { path: packed } },
        (error, stats) => {
          const problems = stats?.toString("errors-warnings") ?? "";
          if (error ?? stats?.hasErrors()) reject(error ?? new Error(problems));
          else resolve();
        },
      );
    });
    expect(await bodyOf(packed)).toBe(inNode);
  });

  it("has a program with commands", async () => {
    const environment: NodeJS.ProcessEnv = { ...process.env };
    delete environment["WEFT_CHROMIUM"];
    // As if called from there, not by the npm script of this test.
    environment["INIT_CWD"] = folder;
    const weft = async (...args: string[]): Promise<string> => {
      const program = join(folder, "node_modules", ".bin", "weft");
      return (await run(program, args, { cwd: folder, env: environment })).stdout;
    };
    expect(await weft("--help")).toMatch(/^Usage: npx weft-webgpu COMMAND/m);
    for (const command of ["generate", "score", "inspect", "serve", "batch", "train", "bench"])
      expect(await weft(command, "--help")).toMatch(new RegExp(`^Usage: npx weft-webgpu ${command} `, "m"));
    expect(await weft("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
    const inspected = await weft("inspect", "--json", "inspected.json");
    expect(inspected).toMatch(/^weights +957,184 numbers in 52 tensors: 52 F16 \(1\.9 MB\)$/m);
    expect(inspected).toMatch(/^fits +loaded in [\d.]+ s$/m);
    const gguf = fileURLToPath(new URL("../fixtures/gguf/models/gpt2-Q4_K_M.gguf", import.meta.url));
    expect(await weft("inspect", gguf)).toMatch(
      /3 Q6_K \(0\.5 MB\)[^]*^tokenizer +in the file$[^]*^fits +loaded/m,
    );
    expect(await weft("score", "Once upon a time there was a dog.", "Zebra quickly the.")).toMatch(
      /^ +9 +3\.\d +1\.\d+ +Once upon a time there was a dog\.\n +\d+ +\d{3,}\.\d/m,
    );
    expect(await weft("generate", "Once upon a time", "--max-tokens", "8", "--temperature", "0")).toMatch(
      /^Once upon a time, there was a/m,
    );
    await writeFile(join(folder, "texts.jsonl"), '{"text":"The cat\\nsat."}\n"The dog ran."\n');
    expect(await weft("score", "--texts", "texts.jsonl")).toMatch(/The cat sat\.\n.* The dog ran\.$/m);
    await expect(weft("score", "The cat sat.", "")).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^weft: text 2 is empty: there is nothing in it to score/) as string,
    });
    await expect(weft("sing")).rejects.toMatchObject({
      code: 2,
      stderr:
        'weft: there is no command "sing"; there are generate, score, embed, inspect, serve, batch, train, bench\n',
    });
    await expect(weft("batch", "--redis", "redis://127.0.0.1:1")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("npm install bullmq ioredis") as string,
    });
    await expect(weft("generate", "A cat", "--runtime", "chromium")).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("npm install puppeteer sirv") as string,
    });
  });
});
