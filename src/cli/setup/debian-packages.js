// Unpacks Debian's packages beside the dependencies. Nothing is installed on the system: it takes no root, no service begins, and no other
// program sees them. Plain JavaScript, because it is part of the set-up.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const isComplete = (folder) => existsSync(join(folder, "complete"));

/**
 * Unpacks a package into `folder`, with what it needs that is not installed, unless that was done before. Returns why it can't be done, or
 * undefined.
 * @param {string} folder
 * @param {string} name of the package
 * @param {{ purpose: string, newerThan?: string }} options `newerThan`: the release that has it too old, and another in its backports
 * @returns {string | undefined}
 */
export function unpackPackage(folder, name, { purpose, newerThan }) {
  if (isComplete(folder)) return undefined;
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return "this is not Debian";
  const { ID: id, VERSION_CODENAME: codename } = readRelease();
  if (id !== "debian" || !codename) return "this is not Debian";
  console.log(`Unpacking ${purpose} …`);
  try {
    unpack(folder, name, codename === newerThan ? codename : undefined);
    return undefined;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return error.message;
  }
}

/** The folder of an unpacked package that has its libraries. */
export function libraryFolder(folder) {
  const libraries = join(folder, "usr", "lib");
  if (!existsSync(libraries)) return undefined;
  const architecture = readdirSync(libraries).find((name) => name.endsWith("-linux-gnu"));
  return architecture === undefined ? undefined : join(libraries, architecture);
}

function readRelease() {
  if (!existsSync("/etc/os-release")) return {};
  const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** Downloads it by apt, with lists and a cache of its own. `backports`: the release whose backports it is taken from. */
function unpack(folder, name, backports) {
  rmSync(folder, { recursive: true, force: true });
  const apt = join(folder, "apt");
  for (const own of ["lists", "archives"]) mkdirSync(join(apt, own, "partial"), { recursive: true });
  const options = [
    ["Dir::State::Lists", join(apt, "lists")],
    ["Dir::Cache", apt],
    ["Dir::Cache::archives", join(apt, "archives")],
    // Nothing of the system changes, so neither its lock nor root is needed.
    ["Debug::NoLocking", "true"],
    ["APT::Sandbox::User", ""],
  ];
  const release = [];
  if (backports) {
    // The same mirror has them.
    const mirror = run("apt-get", ["indextargets", "--format", "$(SITE)", `Codename: ${backports}`]);
    const source = join(apt, "backports.list");
    const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(source, `deb [signed-by=${key}] ${mirror.split("\n")[0]} ${backports}-backports main\n`);
    options.push(["Dir::Etc::SourceList", source]);
    release.push("--target-release", `${backports}-backports`);
  }
  const settings = options.flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  run("apt-get", ["--quiet=2", ...settings, "update"]);
  const download = ["install", "--download-only", "--reinstall", "--yes", "--no-install-recommends"];
  run("apt-get", ["--quiet=2", ...settings, ...download, ...release, name]);
  for (const file of readdirSync(join(apt, "archives")).filter((own) => own.endsWith(".deb")))
    run("dpkg-deb", ["--extract", join(apt, "archives", file), folder]);
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
