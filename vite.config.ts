// Builds (the module; with --mode static as one file; with --mode cli the commands; with --mode demo the page) and test projects.
import { readdirSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import type { Plugin, UserConfig } from "vite";
import { defineConfig, type ViteUserConfigFnObject } from "vitest/config";
import { isCore, isOfAnswers, isSharedWithPage } from "./src/chunks.js";
import { puppeteerProvider } from "./test/helpers/puppeteer-provider.js";

const path = (place: string): string => fileURLToPath(new URL(place, import.meta.url));
/** A module's path from the repository on, without "?raw". */
const inRepository = (id: string): string => relative(path("."), id.replace(/\?.*$/, ""));
const shared = process.env["WEFT_SHARED"] ?? path("../shared");

const target = "es2023";
const { version } = JSON.parse(readFileSync(path("package.json"), "utf8")) as { version: string };
/** The notices of what a build carries along. */
const license = { fileName: "third-party-licenses.md" };

const moduleBuild: UserConfig = {
  plugins: [embedModel(), leaveWorkerToUsers(), leaveCommentsOut(), mendGrammarLibrary()],
  build: {
    target,
    outDir: "dist",
    license,
    sourcemap: true,
    lib: {
      entry: {
        index: path("src/index.ts"),
        worker: path("src/worker/index.ts"),
        "model-worker": path("src/worker/model-worker.ts"),
        openai: path("src/openai/index.ts"),
        "ai-sdk": path("src/ai-sdk/index.ts"),
      },
      formats: ["es"],
    },
    // Libraries are chunks of their own, loaded when they are needed: a page can import the module without a bundler.
    rolldownOptions: {
      external: [/^node:/],
      output: {
        // See src/chunks.ts for what and why. "$initial": not only by import(), as what training adds is.
        codeSplitting: {
          groups: [
            { name: "shared", test: (id: string) => isSharedWithPage(inRepository(id)), priority: 3 },
            { name: "answer", test: (id: string) => isOfAnswers(inRepository(id)), priority: 2 },
            { name: "core", test: (id: string) => isCore(inRepository(id)), tags: ["$initial"], priority: 2 },
          ],
        },
        chunkFileNames: ({ facadeModuleId, name }) =>
          `${/node_modules\/@huggingface\/(\w+)/.exec(facadeModuleId ?? "")?.[1] ?? name}.js`,
      },
    },
  },
};

/** The module as one file, beside its other form: a service worker may load nothing by `import()`. */
const staticBuild: UserConfig = {
  plugins: [leaveCommentsOut(), mendGrammarLibrary()],
  build: {
    target,
    outDir: "dist",
    emptyOutDir: false,
    sourcemap: true,
    lib: { entry: { static: path("src/index.ts") }, formats: ["es"] },
    rolldownOptions: { external: [/^node:/], output: { codeSplitting: false } },
  },
};

/** The commands, and the modules that they load into a page. Both import the built module, as any user would. */
const cliBuild: UserConfig = {
  publicDir: false,
  // Libraries for one command each. Installed packages have no dependencies.
  ssr: { noExternal: [/^hyparquet/, /^hono/, /^@hono\//] },
  build: {
    target: "node20",
    ssr: true,
    outDir: "dist/cli",
    emptyOutDir: true,
    license,
    rolldownOptions: {
      input: commandEntries(),
      // The last two are packages of the user's.
      external: [/^(\.\.\/)+((worker|openai)\/)?index\.js$/, "bullmq", "ioredis"],
      output: {
        entryFileNames: "[name].js",
        codeSplitting: {
          groups: [
            // What a page needs of a model in a worker, without the rest.
            { name: "shared", test: (id: string) => isSharedWithPage(inRepository(id)) },
          ],
        },
        chunkFileNames: "[name].js",
        paths: (id: string) =>
          id
            .replace(/^.*\/(worker|openai)\/index\.js$/, "../$1.js")
            .replace(/^.*\/index\.js$/, "../index.js"),
      },
    },
  },
};

/** Each command and the module that it runs in a page, by the name of its file in dist/cli. */
function commandEntries(): Record<string, string> {
  const entries = Object.fromEntries(
    ["start", "generate", "score", "embed", "inspect", "train", "bench"].flatMap((command) => [
      [command, path(`src/cli/${command}/command.ts`)],
      [`page-${command}`, path(`src/cli/${command}/page.ts`)],
    ]),
  );
  // These compute in this process, and have no page.
  const own = ["serve", "batch"].map((command) => [command, path(`src/cli/${command}/command.ts`)]);
  return { ...entries, ...Object.fromEntries(own), weft: path("src/cli/weft.ts") };
}

/** A static page with relative addresses, so that any file server can host it in any folder. */
const demoBuild: UserConfig = {
  base: "./",
  plugins: [embedModel(), leaveCommentsOut(), mendGrammarLibrary()],
  build: { target, license, outDir: "dist/demo", emptyOutDir: true },
};

/** Puts the embedded model beside what is built, and serves it in development, at tinystories-gpt2/. */
function embedModel(): Plugin {
  const name = "tinystories-gpt2";
  const folder = path(`src/demo/models/${name}`);
  return {
    name: "weft.embed-model",
    configureServer(server) {
      server.middlewares.use(`/${name}`, sirv(folder, { dev: true }));
    },
    generateBundle() {
      for (const file of readdirSync(folder))
        this.emitFile({
          type: "asset",
          fileName: `${name}/${file}`,
          source: readFileSync(`${folder}/${file}`),
        });
    },
  };
}

/** Comments of shaders are for readers: a tenth of what every page would load. Minifiers do not look into strings. */
function leaveCommentsOut(): Plugin {
  const suffix = ".wgsl?raw";
  return {
    name: "weft.leave-comments-out",
    enforce: "pre",
    load(id) {
      if (!id.endsWith(suffix)) return null;
      const source = readFileSync(id.slice(0, -"?raw".length), "utf8");
      // WGSL has no strings in which "//" could stand.
      const lines = source.split("\n").map((line) => line.replace(/\/\/.*/, "").trim());
      return `export default ${JSON.stringify(lines.filter(Boolean).join("\n"))}`;
    },
  };
}

/**
 * The users' bundlers, or none, find the worker's file beside the module. Here Vite would bundle all of it once more: a
 * comment in the source keeps it from that, and must not keep theirs.
 */
function leaveWorkerToUsers(): Plugin {
  const marked = /new URL\(\s*\/\* @vite-ignore \*\/\s*"\.\/model-worker\.js"/g;
  return {
    name: "weft.leave-worker-to-users",
    transform: {
      order: "post",
      handler(code) {
        const unmarked = code.replaceAll(marked, 'new URL("./model-worker.js"');
        return unmarked === code ? null : { code: unmarked, map: null };
      },
    },
  };
}

/**
 * XGrammar comes as a script for old module systems in a package that says it is an ES module, so that Node can't load it, and asks
 * for modules of Node by names that bundlers for pages don't find.
 */
function mendGrammarLibrary(): Plugin {
  const opening =
    /^\(function \(global, factory\) \{[\s\S]*?\}\)\(this, \(function \(exports\) \{ 'use strict';/;
  const closing = /\}\)\);\s*(\/\/# sourceMappingURL=.*)?\s*$/;
  return {
    name: "weft.mend-grammar-library",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("web-xgrammar/lib/index.js")) return null;
      const names = [...code.matchAll(/^ {2}exports\.(\w+) = \w+;$/gm)].map(([, name]) => name!);
      if (!opening.test(code) || !closing.test(code) || !names.includes("GrammarMatcher"))
        return this.error("XGrammar has another form than this version of weft knows");
      const mended = code
        .replace(opening, "const exports = {};")
        .replace(closing, `export { ${names.filter((name) => name !== "default").join(", ")} };`)
        .replaceAll("require('u' + 'rl').pathToFileURL(__filename).href", '"file:///weft"')
        .replaceAll("await import('module')", 'process.getBuiltinModule("module")');
      return { code: mended, map: null };
    },
  };
}

const builds: Readonly<Record<string, UserConfig>> = { static: staticBuild, cli: cliBuild, demo: demoBuild };

/**
 * Tests of one kind, which run before those of a higher `turn`. Software adapters use every core, but compiling and the float64
 * reference use one: two files at once take less time than one after the other.
 */
const testProject = (name: string, turn: number, maxWorkers: number, extra: object): object => ({
  extends: true,
  test: {
    name,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers,
    sequence: { groupOrder: turn },
    ...extra,
  },
});

/** Dawn on lavapipe, which the set-up found: the driver is chosen before the process that loads Dawn starts. */
const { WEFT_LAVAPIPE_ICD: icd, WEFT_LAVAPIPE_LIBRARIES: libraries, LD_LIBRARY_PATH } = process.env;
const lavapipe = icd
  ? { VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: [libraries, LD_LIBRARY_PATH].filter(Boolean).join(":") }
  : { WEFT_LAVAPIPE_MISSING: process.env["WEFT_LAVAPIPE_MISSING"] ?? "npm test looks for lavapipe" };

const inPages = [
  "bit-equality",
  "decoder-families",
  "file-store",
  "generation-bits",
  "generation-ends",
  "generation-isolation",
  "load-failures",
  "models",
  "no-webgpu",
  "overlap",
  "quantised-models",
  "queue*",
  "run-failures",
  "tiny-model",
  "training-gradient",
];

const config: ViteUserConfigFnObject = defineConfig(({ mode }) => ({
  ...(builds[mode] ?? moduleBuild),
  // The page's own build has no package beside it to ask.
  define: { WEFT_VERSION: JSON.stringify(version) },
  server: { fs: { allow: [path("."), shared] } },
  test: {
    server: { deps: { inline: [/web-xgrammar/] } },
    env: { WEFT_ROOT: path("."), WEFT_SHARED: shared, WEFT_CI: process.env["CI"] ?? "" },
    projects: [
      testProject("unit", 1, 2, { include: ["test/unit/**/*.test.ts"] }),
      testProject("shaders", 1, 2, { include: ["test/shaders/**/*.test.ts"] }),
      testProject("gpu in Dawn", 2, 2, {
        include: ["test/gpu/**/*.test.ts"],
        setupFiles: ["test/helpers/pool-devices.ts"],
      }),
      // What reads stored weights, once more with f16 as a type of the shaders.
      testProject("gpu in Dawn with shader-f16", 3, 1, {
        // With --long also the outputs of products one by one, of which whole models have most.
        include: [
          "linear",
          "token-kernels",
          "f16-weights",
          "f16-arithmetic",
          ...(process.env["WEFT_LONG"] ? ["linear-outputs"] : []),
        ].map((name) => `test/gpu/${name}.test.ts`),
        setupFiles: ["test/helpers/pool-devices.ts", "test/helpers/expect-shader-f16.ts"],
        env: lavapipe,
      }),
      // Chromium has Dawn inside, as Node has here: kernels compile to the same code. So whole models run in a page, and what
      // pages do in their own way; with --long, everything does.
      testProject("gpu in Chromium", 3, 1, {
        include: (process.env["WEFT_LONG"] ? ["**/*"] : inPages).map((name) => `test/gpu/${name}.test.ts`),
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          provider: puppeteerProvider(),
          instances: [{ browser: "chromium" }],
        },
      }),
      // These time what they see, and end commands in the middle.
      testProject("e2e", 4, 1, { include: ["test/e2e/**/*.test.ts"] }),
    ],
  },
}));

export default config;
