// Finds the two programs with wgpu, the other implementation of WebGPU, for the tests: Firefox, which as root on Debian is installed,
// and Deno, which npm brings into a folder of its own. Plain JavaScript, because it is part of the set-up.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { installInFolder } from "./npm-folder.js";

const DENO_VERSION = "2.9.6";

const firefoxPlaces = {
  linux: ["/usr/bin/firefox-esr", "/usr/bin/firefox", "/snap/bin/firefox"],
  darwin: ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  win32: ["C:\\Program Files\\Mozilla Firefox\\firefox.exe"],
};

const installedFirefox = () => firefoxPlaces[process.platform]?.find((path) => existsSync(path));

/**
 * Firefox's executable, or why there is none.
 * @returns {{ path: string } | { missing: string }}
 */
export function findFirefox() {
  const named = process.env.WEFT_FIREFOX;
  if (named)
    return existsSync(named)
      ? { path: named }
      : { missing: `WEFT_FIREFOX names ${named}, which does not exist` };
  const found = installedFirefox();
  if (found) return { path: found };
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    return { missing: "no Firefox was found: install it, or set WEFT_FIREFOX to its executable" };
  console.log("Installing Debian's Firefox (as root), for the tests of the other implementation of WebGPU …");
  for (const parameters of [["update"], ["install", "--yes", "--no-install-recommends", "firefox-esr"]]) {
    const { status, stderr } = spawnSync("apt-get", ["--quiet=2", ...parameters], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (status !== 0)
      return { missing: `apt-get ${parameters[0]} failed: ${stderr?.trim().split("\n").at(-1)}` };
  }
  const installed = installedFirefox();
  return installed ? { path: installed } : { missing: "Debian's firefox-esr has no executable" };
}

/**
 * Deno's executable, or why there is none.
 * @param {string} folder where it is, or is to be, installed
 * @returns {{ path: string } | { missing: string }}
 */
export function findDeno(folder) {
  const found = installInFolder(
    folder,
    { deno: DENO_VERSION },
    "Deno, for the tests of the other implementation of WebGPU",
  );
  if (found.missing) return found;
  return {
    path: join(folder, "node_modules", ".bin", process.platform === "win32" ? "deno.cmd" : "deno"),
  };
}
