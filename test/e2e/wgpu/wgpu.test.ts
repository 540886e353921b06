// The other implementation of WebGPU: wgpu, in Deno and in Firefox, on Mesa's lavapipe. Both run the core that Dawn in Node runs too, and
// must give the same texts, and numbers within the same bounds of float64.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { serve, type Server } from "../../../src/cli/browser/serve.js";
import { readJson, repositoryFile } from "../../helpers/data-files.js";
import { expectClose } from "../../helpers/expect-close.js";
import { isLongRun } from "../../helpers/long-run.js";
import { largestRowError, readOracle } from "../../helpers/oracles.js";
import { encoderRows, modelLogits, oracleRows } from "../../helpers/tolerances.js";
import { expectBuilt, root } from "../run-start.js";
import { endServers, post, start } from "../start-server.js";

interface Found {
  readonly families: Readonly<
    Record<
      string,
      {
        readonly adapter: { readonly isSoftware: boolean };
        readonly logits: readonly number[][];
        readonly texts: readonly number[][];
        readonly losses: readonly number[];
        readonly same: Readonly<Record<string, boolean>>;
        readonly left: readonly number[];
      }
    >
  >;
  readonly embedding: { readonly vectors: readonly number[][]; readonly same: boolean };
  readonly stories: {
    readonly streamed: string;
    readonly together: readonly string[];
    readonly answered: string;
  };
}

const every = ["qwen3", "gemma2", "gpt-neox"];
/** Those that run. Compiling takes most of the time. */
const families = isLongRun() ? { Deno: every, Firefox: every } : { Deno: ["qwen3"], Firefox: ["gemma2"] };

let server: Server;
let folder: string;
/** What Dawn in Node finds. */
let dawn: Found;

const { WEFT_LAVAPIPE_ICD: icd, WEFT_LAVAPIPE_LIBRARIES: libraries, LD_LIBRARY_PATH } = process.env;
/** Firefox finds no adapter on the driver of Chromium. */
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"] ?? tmpdir(),
  ...(icd
    ? {
        VK_ICD_FILENAMES: icd,
        VK_DRIVER_FILES: icd,
        LD_LIBRARY_PATH: [libraries, LD_LIBRARY_PATH].filter(Boolean).join(":"),
      }
    : {}),
};

beforeAll(async () => {
  expectBuilt("dist/index.js");
  server = await serve({
    "/": join(root, "dist"),
    "/fixtures/": join(root, "test/fixtures"),
    "/core/": import.meta.dirname,
  });
  folder = await mkdtemp(join(tmpdir(), "weft-wgpu-"));
  const all = [...new Set(Object.values(families).flat())];
  dawn = await runScript(process.execPath, [join(import.meta.dirname, "node.js")], all, process.env);
});

afterAll(async () => {
  await server?.close();
  if (folder) await rm(folder, { recursive: true });
});

/** The program's path. The test is left out and counted where there is none; in CI it fails. */
function find(name: "DENO" | "FIREFOX", context: TestContext): string {
  const path = process.env[`WEFT_${name}`];
  if (path) return path;
  const missing = process.env[`WEFT_${name}_MISSING`] ?? "npm test looks for it";
  expect(process.env["WEFT_CI"], `CI must have it: ${missing}`).toBeFalsy();
  console.info(`left out: ${missing}`);
  return context.skip(missing);
}

async function runScript(
  program: string,
  args: readonly string[],
  own: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Found> {
  const file = join(folder, "found.json");
  await promisify(execFile)(program, [...args, server.origin, file, own.join()], { env, timeout: 600_000 });
  return JSON.parse(await readFile(file, "utf8")) as Found;
}

async function runInFirefox(executablePath: string): Promise<Found> {
  const { launch } = await import("puppeteer");
  const browser = await launch({
    browser: "firefox",
    executablePath,
    headless: true,
    env: { ...environment, HOME: folder },
    extraPrefsFirefox: { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true },
    protocolTimeout: 0,
  });
  try {
    const page = await browser.newPage();
    await page.goto(server.origin);
    const address = JSON.stringify(`${server.origin}/core/core.js`);
    const found = await page.evaluate(
      `import(${address}).then(({ runCore }) => runCore(location.origin, ${JSON.stringify(families.Firefox)})).then(JSON.stringify)`,
    );
    return JSON.parse(found as string) as Found;
  } finally {
    await browser.close();
  }
}

it("serves from Deno as from Node", { timeout: 300_000 }, async (context) => {
  const program = [find("DENO", context), "run", "--allow-all", "--no-lock", "--no-config"];
  const body = { prompt: "Once upon a time", temperature: 0, max_tokens: 24 };
  try {
    const own = { ...environment, DENO_DIR: join(folder, "deno") };
    const [fromDeno, fromNode] = [await start([], own, program), await start([])];
    const [answer, expected] = await Promise.all(
      [fromDeno, fromNode].map(async ({ url }) => (await post(url, body)).json()),
    );
    expect(answer.choices).toEqual(expected.choices);
    expect(answer.choices[0].text).toBe(dawn.stories.streamed);
    fromDeno.child.kill("SIGTERM");
    expect(await fromDeno.ended).toBe(0);
  } finally {
    endServers();
  }
});

describe.each(["Deno", "Firefox"] as const)("wgpu in %s", (name) => {
  it("keeps what weft promises", { timeout: 900_000 }, async (context) => {
    const found =
      name === "Deno"
        ? await runScript(
            find("DENO", context),
            ["run", "--allow-all", "--no-lock", "--no-config", join(import.meta.dirname, "deno.js")],
            families.Deno,
            { ...environment, DENO_DIR: join(folder, "deno") },
          )
        : await runInFirefox(find("FIREFOX", context));
    expect(Object.keys(found.families)).toEqual(families[name]);
    for (const [kind, own] of Object.entries(found.families)) {
      const { sentences, greedy, expected } = await readOracle(
        repositoryFile(`test/fixtures/decoders/${kind}`),
      );
      const errors = own.logits.map((row, index) => {
        const wanted = expected.get(`logits.${index}`)!;
        return largestRowError(Float32Array.from(row), wanted, wanted.length / sentences[index]!.length);
      });
      expect(Math.max(...errors), kind).toBeLessThan(oracleRows);
      expect(own.texts, kind).toEqual(greedy.map(({ tokens }) => tokens));
      expect(
        Object.entries(own.same).filter(([, isSame]) => !isSame),
        kind,
      ).toEqual([]);
      expect(Object.keys(own.same)).toHaveLength(5);
      expectClose(own.losses, dawn.families[kind]!.losses, modelLogits);
      expect(own.left, kind).toEqual([0, 0, 0]);
    }
    const { vectors } = (await readJson<{ vectors: number[][] }>(
      repositoryFile("test/fixtures/encoders/bert-mean-dense-normalize/expected.json"),
    ))!;
    expect(found.embedding.same).toBe(true);
    for (const [index, vector] of found.embedding.vectors.entries())
      expectClose(vector, vectors[index]!, { rtol: 0, atol: encoderRows });
    expect(found.stories).toEqual(dawn.stories);
    expect(found.stories.together[0]).toBe(found.stories.streamed);
    expect(found.stories.answered).toBe(found.stories.streamed);
    expect(new Set(found.stories.together).size).toBe(3);
  });
});
