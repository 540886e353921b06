// The entry of every npm script: installs the dependencies and the browser that a command needs, then runs the command.
// Plain JavaScript, because it runs before anything is installed. `node src/cli/setup/setup.js <command> [arguments]`.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashSource, isBuilt, markBuilt } from "./build-stamp.js";
import { listDrivers, tryDrivers } from "./find-adapter.js";
import { findChromium } from "./find-chromium.js";
import { findLavapipe } from "./find-lavapipe.js";
import { findClients } from "./find-clients.js";
import { findRedis } from "./find-redis.js";
import { findDeno, findFirefox } from "./find-wgpu.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const bin = (name) => join(root, "node_modules", ".bin", name);
const node = process.execPath;

const build = [
  [bin("vite"), "build", "--logLevel", "warn"],
  [bin("vite"), "build", "--logLevel", "warn", "--mode", "static"],
  [bin("tsc"), "-p", "src/tsconfig.json"],
  [bin("vite"), "build", "--logLevel", "warn", "--mode", "cli"],
];
const demo = [bin("vite"), "build", "--logLevel", "warn", "--mode", "demo"];
const check = [
  [bin("tsc"), "-p", "."],
  [bin("oxlint")],
  [bin("prettier"), "--check", "--log-level", "warn", "."],
];

/** Checks the size of what a page loads. */
const size = [bin("size-limit"), "--silent"];

/**
 * What each npm script does: its steps in order, of which the last gets the arguments, whether it needs a browser, lavapipe,
 * programs with wgpu, the newest clients, and Redis, and whether it builds even if dist/ is up to date.
 */
const commands = {
  start: { needsBrowser: true, steps: [...build, [node, "dist/cli/start.js"]] },
  generate: { needsBrowser: true, steps: [...build, [node, "dist/cli/generate.js"]] },
  serve: { needsBrowser: true, steps: [...build, [node, "dist/cli/serve.js"]] },
  batch: { needsBrowser: true, steps: [...build, [node, "dist/cli/batch.js"]] },
  train: { needsBrowser: true, steps: [...build, [node, "dist/cli/train.js"]] },
  bench: { needsBrowser: true, steps: [...build, [node, "dist/cli/bench.js"]] },
  demo: { needsBrowser: false, steps: [[bin("vite"), "--mode", "demo"]] },
  build: { needsBrowser: false, rebuilds: true, steps: [...build, demo] },
  check: { needsBrowser: false, steps: check },
  "gpu-compile": { needsBrowser: false, steps: [[node, "test/gpu-compile/gpu-compile.js"]] },
  test: {
    needsBrowser: true,
    needsLavapipe: true,
    needsWgpu: true,
    needsClients: true,
    needsRedis: true,
    rebuilds: true,
    steps: [...check, ...build, size, demo, [bin("vitest"), "run"]],
  },
};

const [name = "", ...given] = process.argv.slice(2);
// `npm test -- --long` tries more random cases; it is no option of vitest.
const isLong = name === "test" && given.includes("--long");
const rest = given.filter((argument) => !isLong || argument !== "--long");
const command = commands[name];
if (!command) fail(`unknown command "${name}"; there are ${Object.keys(commands).join(", ")}`);

await installDependencies();
const environment = { ...process.env, ...(isLong ? { WEFT_LONG: "1" } : {}) };
if (command.needsBrowser) {
  const chromium = await findChromium();
  environment.WEFT_CHROMIUM = chromium;
  let lavapipe;
  if (command.needsLavapipe) {
    const { missing, ...found } = findLavapipe(join(root, "node_modules", ".weft-lavapipe"));
    if (missing) environment.WEFT_LAVAPIPE_MISSING = missing;
    else {
      lavapipe = found;
      environment.WEFT_LAVAPIPE_ICD = found.icd;
      environment.WEFT_LAVAPIPE_LIBRARIES = found.libraries;
    }
  }
  useVulkan(environment, { chromium, lavapipe });
}
if (command.needsClients) {
  const { missing, ...found } = findClients(join(root, "node_modules", ".weft-clients"));
  if (missing) environment.WEFT_CLIENTS_MISSING = missing;
  else Object.assign(environment, { WEFT_CLIENTS: found.path, WEFT_CLIENTS_NODE: found.node });
}
if (command.needsWgpu)
  for (const { variable, path, missing } of [
    { variable: "WEFT_FIREFOX", ...findFirefox() },
    { variable: "WEFT_DENO", ...findDeno(join(root, "node_modules", ".weft-deno")) },
  ])
    environment[missing ? `${variable}_MISSING` : variable] = missing ?? path;
if (command.needsRedis) {
  const { path, libraries, missing } = findRedis(join(root, "node_modules", ".weft-redis"));
  if (missing) environment.WEFT_REDIS_MISSING = missing;
  else Object.assign(environment, { WEFT_REDIS: path, WEFT_REDIS_LIBRARIES: libraries ?? "" });
}
const source = hashSource(root);
const isCurrent = !command.rebuilds && isBuilt(root, source);
for (const [index, step] of command.steps.entries()) {
  if (isCurrent && build.includes(step)) continue;
  if (step === build[0]) console.log("Building …");
  const isLast = index === command.steps.length - 1;
  const status = await run(isLast ? [...step, ...rest] : step, environment);
  if (status !== 0) process.exit(status);
  if (step === build.at(-1)) markBuilt(root, source);
}
if (name === "build")
  console.log("Built the module in dist/, the commands in dist/cli, the page in dist/demo.");

/** Installs exactly what the lock file says, unless that is installed already. */
async function installDependencies() {
  const stamp = join(root, "node_modules", ".weft-lock-hash");
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.log("Installing the locked dependencies …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Without npm's own progress and advice, which would only hide what comes after.
  const status = await run(
    [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--no-update-notifier"],
    process.env,
  );
  if (status !== 0) fail("npm ci failed: check the network and the npm registry, then run the command again");
  writeFileSync(stamp, lock);
}

/**
 * In Node, Dawn loads Vulkan like any program. On Linux the first driver is taken that gives an adapter; what is passed over is said.
 * Every test run prints the adapter's name.
 */
function useVulkan(env, known) {
  if (process.platform !== "linux") return;
  const drivers = listDrivers(env, known);
  const { driver, adapter, tried } = tryDrivers(drivers, env, root);
  // What the environment names is never replaced: it is for the command to say that it gives nothing.
  if (!driver && tried.length > 0)
    console.error(`weft: no adapter in Node from ${tried.join(", nor from ")}.`);
  if (!driver) return;
  Object.assign(env, driver.env);
  if (tried.length > 0)
    console.log(`In Node weft runs on ${driver.name} (${adapter}): ${tried.join(" and ")} gave no adapter.`);
}

/** Returns the exit status. Passes signals on and waits for the end, because the step may have to tidy up. */
function run([program, ...parameters], env) {
  const child = spawn(program, parameters, {
    cwd: root,
    env,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const passOn = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((resolve) => {
    child.once("error", (error) => fail(`could not run ${program}: ${error.message}`));
    child.once("close", (status, signal) => {
      for (const passed of signals) process.off(passed, passOn);
      resolve(status ?? 128 + constants.signals[signal]);
    });
  });
}

function fail(problem) {
  console.error(`weft: ${problem}.`);
  process.exit(1);
}
