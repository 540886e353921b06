// Builds (the module; with --mode cli the commands; with --mode demo the page) and test projects.
import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";
import { defineConfig, type ViteUserConfigFnObject } from "vitest/config";
import { puppeteerProvider } from "./test/helpers/puppeteer-provider.js";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const shared = process.env["WEFT_SHARED"] ?? path("../shared");

const target = "es2023";

const moduleBuild: UserConfig = {
  build: {
    target,
    outDir: "dist",
    sourcemap: true,
    lib: { entry: path("src/index.ts"), formats: ["es"], fileName: "index" },
    rolldownOptions: { external: [/^node:/, "@huggingface/tokenizers"] },
  },
};

const cliBuild: UserConfig = {
  publicDir: false,
  build: {
    target: "node20",
    ssr: true,
    outDir: "dist/cli",
    emptyOutDir: true,
    rolldownOptions: {
      input: { start: path("src/cli/start.ts"), bench: path("src/cli/bench.ts") },
      output: { entryFileNames: "[name].js" },
    },
  },
};

/** A static page with relative addresses, so that any file server can host it in any folder. */
const demoBuild: UserConfig = { base: "./", build: { target, outDir: "dist/demo", emptyOutDir: true } };

const testProject = (name: string, extra: object): object => ({
  extends: true,
  test: { name, testTimeout: 120_000, hookTimeout: 120_000, ...extra },
});

const config: ViteUserConfigFnObject = defineConfig(({ mode }) => ({
  ...(mode === "cli" ? cliBuild : mode === "demo" ? demoBuild : moduleBuild),
  define: { "import.meta.env.WEFT_SHARED": JSON.stringify(shared) },
  server: { fs: { allow: [path("."), shared] } },
  test: {
    // Software adapters use every core: test files that execute on one must not compete.
    fileParallelism: false,
    projects: [
      testProject("unit", { include: ["test/unit/**/*.test.ts"] }),
      testProject("shaders", { include: ["test/shaders/**/*.test.ts"] }),
      testProject("gpu in Dawn", { include: ["test/gpu/**/*.test.ts"] }),
      testProject("gpu in Chromium", {
        include: ["test/gpu/**/*.test.ts"],
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          provider: puppeteerProvider(),
          instances: [{ browser: "chromium" }],
        },
      }),
      testProject("e2e", { include: ["test/e2e/**/*.test.ts"] }),
    ],
  },
}));

export default config;
