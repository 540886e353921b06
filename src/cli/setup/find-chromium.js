// Finds a Chromium with WebGPU: by an environment variable, in the usual places, among puppeteer's downloads; as root on Debian
// it installs the distribution's package. Plain JavaScript, because it is part of the set-up.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const variables = ["WEFT_CHROMIUM", "PUPPETEER_EXECUTABLE_PATH", "CHROME_PATH"];

const usualPlaces = {
  linux: [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
  ],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ],
  win32: [
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
  ],
};

/** The path of Chromium's executable. If there is none, prints what to do and ends the process. */
export async function findChromium() {
  for (const variable of variables) {
    const path = process.env[variable];
    if (!path) continue;
    if (existsSync(path)) return path;
    return giveUp(`${variable} names ${path}, which does not exist`);
  }
  const found = findInstalled();
  if (found) return found;
  if (process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    console.log("Installing Debian's Chromium (as root; no other browser was found) …");
    apt("update");
    apt("install", "--yes", "--no-install-recommends", "chromium");
    const installed = findInstalled();
    if (installed) return installed;
  }
  return giveUp("no Chromium, Chrome or Edge was found");
}

function findInstalled() {
  return [...(usualPlaces[process.platform] ?? []), ...puppeteerDownloads()].find((path) => existsSync(path));
}

/** Executables below puppeteer's cache, newest version first. */
function puppeteerDownloads() {
  const cache = join(process.env.PUPPETEER_CACHE_DIR ?? join(homedir(), ".cache", "puppeteer"), "chrome");
  if (!existsSync(cache)) return [];
  const executables = {
    linux: join("chrome-linux64", "chrome"),
    darwin: join(
      "chrome-mac-arm64",
      "Google Chrome for Testing.app",
      "Contents",
      "MacOS",
      "Google Chrome for Testing",
    ),
    win32: join("chrome-win64", "chrome.exe"),
  };
  return readdirSync(cache)
    .toSorted((a, b) => b.localeCompare(a, undefined, { numeric: true }))
    .map((version) => join(cache, version, executables[process.platform] ?? ""));
}

function apt(...parameters) {
  const { status, stderr } = spawnSync("apt-get", ["--quiet=2", ...parameters], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  // Its warnings do not matter here, so they are printed only if it fails.
  if (status !== 0) giveUp(`apt-get ${parameters[0]} failed: ${stderr?.trim() ?? ""}`);
}

function giveUp(problem) {
  console.error(
    `weft: ${problem}. Install Chrome or Chromium, set ${variables[0]} to its executable, ` +
      "or run: npx puppeteer browsers install chrome",
  );
  process.exit(1);
}
