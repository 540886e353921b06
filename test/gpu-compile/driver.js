// Finds or installs what compiles for a chip that is not there: an assembler, a C compiler, Vulkan's headers, and a Mesa that has
// AMD's driver. Then compiles.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLavapipe } from "../../src/cli/setup/find-lavapipe.js";

const here = fileURLToPath(new URL(".", import.meta.url));
export const root = join(here, "..", "..");

export function run(program, parameters, environment = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, {
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 30,
    encoding: "utf8",
  });
  return { status: error ? -1 : status, stdout: stdout ?? "", stderr: error ? String(error) : stderr };
}

/** The tools, or what is missing and why. */
export async function prepareTools() {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get"))
    return { missing: "this is not Debian" };
  const needed = [
    ["spirv-tools", run("which", ["spirv-as"]).status === 0],
    ["gcc", run("which", ["gcc"]).status === 0],
    ["libvulkan-dev", existsSync("/usr/include/vulkan/vulkan.h")],
  ].flatMap(([name, isThere]) => (isThere ? [] : [name]));
  if (needed.length > 0) {
    run("apt-get", ["-qq", "update"]);
    const install = run("apt-get", ["-qq", "install", "-y", "--no-install-recommends", ...needed]);
    if (install.status !== 0) return { missing: `apt-get could not install ${needed.join(", ")}` };
  }
  const mesa = findLavapipe(join(root, "node_modules", ".weft-lavapipe"));
  if (mesa.missing) return { missing: `Mesa: ${mesa.missing}` };
  const library = readdirSync(mesa.libraries).find((name) => name === "libvulkan_radeon.so");
  if (!library) return { missing: "this Mesa has no driver for AMD's chips" };
  const folder = join(root, "node_modules", ".weft-gpu-compile");
  mkdirSync(folder, { recursive: true });
  const icd = join(folder, "radv.json");
  const driver = { library_path: join(mesa.libraries, library), api_version: "1.4.305" };
  writeFileSync(icd, JSON.stringify({ file_format_version: "1.0.0", ICD: driver }));
  const statistics = join(folder, "statistics");
  const built = run("gcc", ["-O1", "-o", statistics, join(here, "statistics.c"), "-lvulkan"]);
  if (built.status !== 0) return { missing: `gcc: ${built.stderr.slice(-200)}` };
  return { statistics, icd, lavapipe: mesa };
}

/** Compiles SPIR-V assembly for a chip. Returns the driver's statistics and the machine code, or a failure. */
export function compileFor({ statistics, icd, lavapipe }, chip, assembly, scratch) {
  const file = join(scratch, "kernel");
  writeFileSync(`${file}.spvasm`, assembly);
  const assembled = run("spirv-as", ["--target-env", "vulkan1.3", `${file}.spvasm`, "-o", `${file}.spv`]);
  if (assembled.status !== 0) return { failure: assembled.stderr.trim().slice(0, 200) };
  const { status, stdout, stderr } = run(statistics, [`${file}.spv`, "isa"], {
    RADV_FORCE_FAMILY: chip,
    MESA_SHADER_CACHE_DISABLE: "1",
    VK_ICD_FILENAMES: icd,
    LD_LIBRARY_PATH: lavapipe.libraries,
  });
  if (status !== 0) return { failure: stderr.trim().slice(-200) };
  return {
    statistics: JSON.parse(stdout.slice(0, stdout.indexOf("\n"))),
    code: stdout.slice(stdout.lastIndexOf("\n=== ")),
  };
}
