// The newest clients, which need a newer Node than weft does: in that Node, and bundled in a page.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import { expect, it, type TestContext } from "vitest";
import { launchBrowser } from "../../../src/cli/browser/launch-browser.js";
import { serve } from "../../../src/cli/browser/serve.js";
import { expectBuilt, root } from "../run-start.js";

/** The folder of the clients. The tests are left out and counted where they are not; in CI they fail. */
function findClients(context: TestContext): string {
  const folder = process.env["WEFT_CLIENTS"];
  if (folder) return folder;
  const missing = process.env["WEFT_CLIENTS_MISSING"] ?? "npm test brings them";
  expect(process.env["WEFT_CI"], `CI must have them: ${missing}`).toBeFalsy();
  console.info(`left out: ${missing}`);
  return context.skip(missing);
}

it("the AI SDK 7 and OpenAI's client 7 get the texts of the model, in Node 22", async (context) => {
  const clients = findClients(context);
  expectBuilt("dist/openai.js", "dist/ai-sdk.js");
  const { stdout } = await promisify(execFile)(process.env["WEFT_CLIENTS_NODE"]!, [
    join(import.meta.dirname, "node.js"),
    clients,
  ]);
  const found = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
  const { expected, greedy } = found;
  expect(expected).not.toBe("");
  expect(found).toMatchObject({
    whole: expected,
    streamed: expected,
    chat: expected,
    response: greedy,
    warnings: [],
    refused: [404, "model_not_found"],
    running: 0,
    buffers: [0],
  });
  expect(["cat", "dog"]).toContain((found["object"] as { animal: string }).animal);
});

it("React's useChat talks to a model in a worker of its page", async (context) => {
  const clients = findClients(context);
  expectBuilt("dist/worker.js", "dist/ai-sdk.js");
  const folder = await mkdtemp(join(tmpdir(), "weft-chat-"));
  await build({
    configFile: false,
    logLevel: "error",
    root: folder,
    define: { "process.env.NODE_ENV": '"production"' },
    resolve: {
      alias: Object.fromEntries(
        ["@ai-sdk/react", "ai", "react-dom", "react"].map((name) => [
          name,
          join(clients, "node_modules", name),
        ]),
      ),
    },
    build: {
      target: "es2023",
      outDir: folder,
      lib: { entry: join(import.meta.dirname, "chat-page.js"), formats: ["es"], fileName: () => "page.js" },
      rolldownOptions: {
        external: /^weft-webgpu/,
        // The built module, as it is served.
        output: {
          paths: (id) => `/${id === "weft-webgpu" ? "index" : id.replace("weft-webgpu/", "")}.js`,
        },
      },
    },
  });
  await writeFile(
    join(folder, "chat.html"),
    '<!doctype html><title>Chat</title><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
  );
  const server = await serve({ "/": join(root, "dist"), "/chat/": folder });
  const launched = await launchBrowser();
  try {
    const page = await launched.browser.newPage();
    const uncaught: string[] = [];
    page.on("pageerror", (error) => uncaught.push(String(error)));
    const asked: string[] = [];
    await page.goto(`${server.origin}/chat/chat.html`);
    const input = await page.waitForSelector("input", { timeout: 60_000 }).catch((cause: unknown) => {
      throw new Error(`the page shows nothing: ${uncaught.join("; ")}`, { cause });
    });
    page.on("request", (request) => asked.push(request.url()));
    const begin = "Once upon a time";
    await input!.type(begin);
    await input!.press("Enter");
    const expected = (await page.evaluate(
      `model.chat([{ role: "user", content: ${JSON.stringify(begin)} }], { temperature: 0, maxTokens: 24 }).then(({ text }) => text)`,
    )) as string;
    await page.waitForSelector('main[data-status="ready"] .assistant', { timeout: 60_000 });
    const texts = await page.$$eval("p", (all) => all.map((own) => [own.className, own.textContent]));
    expect(texts).toEqual([
      ["user", begin],
      ["assistant", expected],
    ]);
    // Parts of the module come when they are needed; nothing else is asked for.
    expect(asked.filter((url) => !url.endsWith(".js"))).toEqual([]);
    expect(uncaught).toEqual([]);
  } finally {
    await launched.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
});
