// Runs a command once more on a software driver, where this machine's drivers give WebGPU no adapter: Vulkan reads its settings when
// a process begins. The set-up of a clone has done so already; an installed package has none.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { listDrivers, tryDrivers } from "../setup/find-adapter.js";
import { distFolder } from "./dist-folder.js";
import { takenInput } from "../terminal/standard-input.js";
import { endingSignals, exitStatus, type EndingSignal } from "./ending-signals.js";

/** Says that it was tried, so that it is not tried again. */
const marker = "WEFT_DRIVER";

/**
 * The exit status of the command, once more, where `error` says that there is no adapter and another driver gives one. `name` is the
 * command's: the file that is run has it. @throws `error` otherwise.
 */
export async function repeatOnOtherDriver(name: string, error: unknown): Promise<number> {
  if ((error as { readonly reason?: unknown }).reason !== "no-adapter") throw error;
  const command = join(distFolder, "cli", `${name}.js`);
  if (process.platform !== "linux" || process.env[marker] !== undefined || !existsSync(command)) throw error;
  // What the environment names has been tried by this process, and what it names is not replaced.
  if (process.env["VK_DRIVER_FILES"] ?? process.env["VK_ICD_FILENAMES"]) throw error;
  const { driver, adapter } = tryDrivers(listDrivers(process.env), process.env, distFolder);
  if (!driver) throw error;
  process.stderr.write(
    `weft: this system's drivers give no adapter; using ${driver.name} (${adapter ?? ""}).\n`,
  );
  const env = { ...process.env, ...driver.env, [marker]: driver.name };
  const input = takenInput();
  const child = spawn(process.execPath, [...process.execArgv, command, ...process.argv.slice(2)], {
    // What was piped into this process is no longer there.
    stdio: [input === undefined ? "inherit" : "pipe", "inherit", "inherit"],
    env,
  });
  child.stdin?.end(input);
  for (const signal of endingSignals) process.on(signal, (own) => child.kill(own));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status ?? exitStatus(signal as EndingSignal)));
  });
}
