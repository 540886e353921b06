// Finds lavapipe, Mesa's software driver for Vulkan: the only software adapter with shader-f16. Dawn accepts it from Mesa 25
// on. On Debian its packages are unpacked beside the dependencies; nothing is installed on the system, and no other program
// sees it. Plain JavaScript, because it is part of the set-up.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The environment that Dawn needs to run on lavapipe, or why it is missing.
 * @param {string} folder where it is, or is to be, unpacked
 * @returns {{ icd: string, libraries: string } | { missing: string }}
 */
export function findLavapipe(folder) {
  const found = readUnpacked(folder);
  if (found) return found;
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get"))
    return { missing: "this is not Debian" };
  const { ID: id, VERSION_CODENAME: codename } = readRelease();
  if (id !== "debian" || !codename) return { missing: "this is not Debian" };
  console.log("Unpacking lavapipe, for the tests that need shader-f16 …");
  try {
    unpack(folder, codename);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { missing: error.message };
  }
  return readUnpacked(folder) ?? { missing: "Debian's mesa-vulkan-drivers has no lavapipe for this machine" };
}

function readUnpacked(folder) {
  const icds = join(folder, "usr", "share", "vulkan", "icd.d");
  const libraries = join(folder, "usr", "lib");
  if (!existsSync(join(folder, "complete")) || !existsSync(icds)) return undefined;
  const icd = readdirSync(icds).find((name) => name.startsWith("lvp_icd"));
  const architecture = readdirSync(libraries).find((name) => name.endsWith("-linux-gnu"));
  return icd && architecture ? { icd: join(icds, icd), libraries: join(libraries, architecture) } : undefined;
}

function readRelease() {
  if (!existsSync("/etc/os-release")) return {};
  const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** Downloads the driver and its dependencies that are not installed, by apt with its own lists and cache. */
function unpack(folder, codename) {
  rmSync(folder, { recursive: true, force: true });
  const apt = join(folder, "apt");
  for (const name of ["lists", "archives"]) mkdirSync(join(apt, name, "partial"), { recursive: true });
  const options = [
    ["Dir::State::Lists", join(apt, "lists")],
    ["Dir::Cache", apt],
    ["Dir::Cache::archives", join(apt, "archives")],
    // Nothing of the system changes, so neither its lock nor root is needed.
    ["Debug::NoLocking", "true"],
    ["APT::Sandbox::User", ""],
  ];
  const release = [];
  if (codename === "bookworm") {
    // The Mesa of bookworm is too old. The same mirror has a newer one.
    const mirror = run("apt-get", ["indextargets", "--format", "$(SITE)", "Codename: bookworm"]);
    const source = join(apt, "backports.list");
    const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(source, `deb [signed-by=${key}] ${mirror.split("\n")[0]} bookworm-backports main\n`);
    options.push(["Dir::Etc::SourceList", source]);
    release.push("--target-release", "bookworm-backports");
  }
  const settings = options.flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  run("apt-get", ["--quiet=2", ...settings, "update"]);
  const download = ["install", "--download-only", "--reinstall", "--yes", "--no-install-recommends"];
  run("apt-get", ["--quiet=2", ...settings, ...download, ...release, "mesa-vulkan-drivers"]);
  for (const name of readdirSync(join(apt, "archives")).filter((own) => own.endsWith(".deb")))
    run("dpkg-deb", ["--extract", join(apt, "archives", name), folder]);
  rmSync(apt, { recursive: true, force: true });
  writeFileSync(join(folder, "complete"), "");
}

/** Returns what the program prints. Throws when it fails. */
function run(program, parameters) {
  const { status, stdout, stderr } = spawnSync(program, parameters, {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  });
  if (status !== 0)
    throw new Error(`${program} failed: ${(stderr || stdout || "").trim().split("\n").at(-1)}`);
  return stdout.trim();
}
