// Module service workers, such as those of extensions: weft in one file does there what it does on a page; the module that loads
// parts of itself says which one to use.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "puppeteer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, type LaunchedBrowser } from "../../src/cli/browser/launch-browser.js";
import { serve, type Server } from "../../src/cli/browser/serve.js";
import { expectBuilt, root } from "./run-start.js";

const modules = { static: "/static.js", plain: "/index.js" } as const;

let folder: string;
let server: Server;
let launched: LaunchedBrowser;
let page: Page;

beforeAll(async () => {
  expectBuilt("dist/static.js", "dist/index.js");
  folder = await mkdtemp(join(tmpdir(), "weft-service-worker-"));
  for (const [name, module] of Object.entries(modules))
    await writeFile(
      join(folder, `${name}.js`),
      `import * as weft from "${module}";
      const Program = (async () => undefined).constructor;
      const run = async (program) => {
        try {
          return await new Program("weft", program)(weft);
        } catch (error) {
          return { name: error.name, text: error.message, isWeft: error instanceof weft.WeftError };
        }
      };
      addEventListener("message", (event) =>
        event.waitUntil(run(event.data).then((result) => event.ports[0].postMessage(result))));`,
    );
  server = await serve({
    "/": join(root, "dist"),
    "/workers/": folder,
    "/encoders/": join(root, "test/fixtures/encoders"),
    "/gguf/": join(root, "test/fixtures/gguf/models"),
  });
  launched = await launchBrowser();
  page = await launched.browser.newPage();
  await page.goto(server.origin);
});

afterAll(async () => {
  await launched?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What `program`, which has the module as `weft`, returns in a service worker, or what is thrown there. */
async function inServiceWorker(module: keyof typeof modules, program: string): Promise<unknown> {
  return page.evaluate(
    async (name, code) => {
      const script = `/workers/${name}.js`;
      const { serviceWorker } = navigator;
      const registration = await serviceWorker.register(script, {
        type: "module",
        scope: `/workers/${name}/`,
      });
      const worker = (registration.installing ?? registration.waiting ?? registration.active)!;
      if (worker.state !== "activated")
        await new Promise<void>((resolve, reject) =>
          worker.addEventListener("statechange", () => {
            if (worker.state === "activated") resolve();
            if (worker.state === "redundant") reject(new Error(`${script} could not be installed`));
          }),
        );
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((resolve) => port1.addEventListener("message", ({ data }) => resolve(data)));
      port1.start();
      worker.postMessage(code, [port2]);
      return answer;
    },
    module,
    program,
  );
}

/** Everything for which a model loads parts of weft. */
const everything = `
  const read = async (name) => (await fetch("/tinystories-gpt2/" + name)).json();
  const model = await weft.Model.load({
    config: await read("config.json"),
    weights: await (await fetch("/tinystories-gpt2/model.safetensors")).arrayBuffer(),
    tokenizer: await read("tokenizer.json"),
    tokenizerConfig: await read("tokenizer_config.json"),
    chatTemplate: "{% for message in messages %}{{ message.content }}{% endfor %}",
  }, { weights: "f32", verify: true });
  const quiet = { maxTokens: 8, temperature: 0 };
  const written = await model.generate("Once upon a time", quiet);
  const answer = await model.chat([{ role: "user", content: "The cat" }], quiet);
  const scores = await model.score(["Once upon a time there was a little dog."]);
  const decision = await model.decide("The dog was lost. He felt", [{ answers: [" sad", " happy"] }]);
  const losses = [];
  for await (const { loss } of model.train(["The cat sat.", "The dog ran."], { steps: 2, batchTokens: 8 })) losses.push(loss);
  model.dispose();
  const encoder = await weft.Model.load("/encoders/bert-mean-dense-normalize/");
  const { vectors } = await encoder.embed(["the sea"]);
  encoder.dispose();
  const quantised = await weft.Model.load("/gguf/gpt2-Q4_K_M.gguf");
  const more = await quantised.generate("a b", quiet);
  quantised.dispose();
  const stored = await weft.listCached();
  return { written: written.text, answer: answer.text, sum: scores[0].sum, decision, losses, vector: [...vectors[0]], more: more.tokens, stored };`;

describe("a module service worker", () => {
  it("does all that a page does, with weft in one file", async () => {
    const there = await inServiceWorker("static", everything);
    const here = await page.evaluate(`(async () => {
      const weft = await import("/index.js");
      ${everything}
    })()`);
    expect(there).toEqual(here);
    expect(there).toMatchObject({ written: expect.stringMatching(/^, there was a/) as string });
  });

  it("computes with the other module what needs no more of it, and is told which one to use", async () => {
    const load = `const model = await weft.Model.load("/tinystories-gpt2/", { weights: "f32" });`;
    const computed = await inServiceWorker(
      "plain",
      `${load} const { logits } = await model.forward([[1, 2, 3]]); model.dispose(); return logits.length;`,
    );
    expect(computed).toBe(1);
    for (const call of [
      `return (await model.generate("Once", { maxTokens: 1 })).text;`,
      `for await (const step of model.train([[1, 2, 3]], { steps: 1, batchTokens: 3 })) return step;`,
      `return model.embed(["Once"]);`,
      `return weft.Model.load("/gguf/gpt2-Q4_K_M.gguf");`,
      `return weft.listCached();`,
    ])
      expect(await inServiceWorker("plain", `${load} ${call}`), call).toMatchObject({
        name: "FetchError",
        isWeft: true,
        text: expect.stringMatching(
          /^Could not read a part of weft: .*import from "weft-webgpu\/static"/,
        ) as string,
      });
  });
});
