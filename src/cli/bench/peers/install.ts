// Installs the other runtimes for a comparison, on demand and outside the project: weft does not depend on them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { distFolder } from "../../browser/dist-folder.js";

/** Where a page finds them. */
export const PEERS_ADDRESS = "/peers/";

const packages: Readonly<Record<string, string>> = {
  "onnxruntime-web": "1.30.0",
  "@tensorflow/tfjs-core": "4.22.0",
  "@tensorflow/tfjs-backend-webgpu": "4.22.0",
};

/** The folder with their packages. Throws with npm's own words when they cannot be had. */
export async function installPeers(): Promise<string> {
  const folder = join(dirname(distFolder), "out", "peers");
  const modules = join(folder, "node_modules");
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ private: true, dependencies: packages }, undefined, 2),
  );
  if (Object.keys(packages).every((name) => existsSync(join(modules, name)))) return modules;
  try {
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], {
      cwd: folder,
    });
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    throw new Error(`--peers: npm could not install ${Object.keys(packages).join(", ")}:\n${stderr.trim()}`, {
      cause: error,
    });
  }
  return modules;
}
