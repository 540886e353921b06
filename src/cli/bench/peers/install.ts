// Installs other runtimes for a comparison, on request and outside the project: weft does not depend on them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { distFolder } from "../../browser/dist-folder.js";

/** The address of their packages for a page. */
export const PEERS_ADDRESS = "/peers/";

const packages: Readonly<Record<string, string>> = {
  "onnxruntime-web": "1.30.0",
  "@tensorflow/tfjs-core": "4.22.0",
  "@tensorflow/tfjs-backend-webgpu": "4.22.0",
};

/** Returns the folder with their packages. Throws with npm's message when they cannot be installed. */
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
