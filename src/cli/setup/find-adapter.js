// Finds a Vulkan driver on which Dawn gives an adapter, by trying: a driver that is installed need not have a GPU, and Dawn refuses
// old software drivers. Plain JavaScript, because it is part of the set-up; commands of an installed package use it too.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** Prints the adapter's description. Exits with 3 if there is none. */
const probe = `
const { create } = await import("webgpu");
const adapter = await create([]).requestAdapter();
if (adapter) console.log([adapter.info.vendor, adapter.info.architecture, adapter.info.description].filter(Boolean).join(" "));
process.exit(adapter ? 0 : 3);`;

/** Folders of the drivers' descriptions. */
const systemFolders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

/**
 * What may give an adapter on Linux, in order: what the environment names and nothing else, or else the system's drivers, Chromium's
 * software driver, and lavapipe as it was unpacked.
 * @param {Record<string, string | undefined>} env
 * @param {{ chromium?: string | undefined, lavapipe?: { icd: string, libraries: string } | undefined, folders?: string[] }} known
 * @returns {{ name: string, env: Record<string, string> }[]}
 */
export function listDrivers(env, { chromium, lavapipe, folders = systemFolders } = {}) {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (named) return [{ name: `the driver that the environment names (${named})`, env: {} }];
  const software = (name, icd, libraries) => ({
    name,
    env: {
      VK_ICD_FILENAMES: icd,
      // With the driver lies a loader, for machines without one.
      LD_LIBRARY_PATH: [env.LD_LIBRARY_PATH, libraries].filter(Boolean).join(":"),
      XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR ?? "/tmp",
    },
  });
  const browsers = [
    ...(chromium ? [dirname(chromium)] : []),
    "/usr/lib/chromium",
    "/usr/lib/chromium-browser",
  ];
  const browser = browsers.find((folder) => existsSync(join(folder, "vk_swiftshader_icd.json")));
  return [
    // Vulkan's loader alone brings such a folder with nothing in it.
    ...(folders.some(hasDriver) ? [{ name: "this system's driver", env: {} }] : []),
    ...(browser
      ? [software("Chromium's software driver", join(browser, "vk_swiftshader_icd.json"), browser)]
      : []),
    ...(lavapipe ? [software("lavapipe, Mesa's software driver", lavapipe.icd, lavapipe.libraries)] : []),
  ];
}

const hasDriver = (folder) =>
  existsSync(folder) && readdirSync(folder).some((file) => file.endsWith(".json"));

/**
 * Tries drivers one after the other, each in a process of its own. `cwd` is where the package "webgpu" is found from.
 * @returns {{ driver?: { name: string, env: Record<string, string> }, adapter?: string, tried: string[] }}
 */
export function tryDrivers(drivers, env, cwd) {
  const tried = [];
  for (const driver of drivers) {
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", probe], {
      cwd,
      env: { ...env, ...driver.env },
      encoding: "utf8",
      timeout: 60_000,
    });
    if (status === 0) return { driver, adapter: stdout.trim().split("\n").at(-1), tried };
    tried.push(driver.name);
  }
  return { tried };
}
