// Installs other runtimes for a comparison, on request and outside the project: weft does not depend on them.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { distFolder } from "../../browser/dist-folder.js";

/** The address of their packages for a page. */
export const PEERS_ADDRESS = "/peers/";

/** Packages that are installed together, in a folder of their own. */
export interface Peers {
  readonly folder: string;
  readonly packages: Readonly<Record<string, string>>;
}

/** Those that run forward passes. */
export const forwardPeers: Peers = {
  folder: "forward",
  packages: {
    "onnxruntime-web": "1.30.0",
    "@tensorflow/tfjs-core": "4.22.0",
    "@tensorflow/tfjs-backend-webgpu": "4.22.0",
  },
};

/** Those that embed. */
export const embeddingPeers: Peers = {
  folder: "embedding",
  packages: { "@huggingface/transformers": "4.3.2" },
};

/** Those that write texts, in a page and in Node. */
export const textPeers: Peers = {
  folder: "text",
  packages: {
    "@wllama/wllama": "3.13.0",
    "node-llama-cpp": "3.21.1",
    // Its binaries are optional packages, of which the one for this machine's CPU will do.
    [`@node-llama-cpp/${llamaCppBinary()}`]: "3.21.1",
  },
};

function llamaCppBinary(): string {
  if (process.platform === "darwin") return process.arch === "arm64" ? "mac-arm64-metal" : "mac-x64";
  return `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
}

/** Returns the folder with these packages. Throws with npm's message when they cannot be installed. */
export async function installPeers({ folder: own, packages }: Peers): Promise<string> {
  const folder = join(dirname(distFolder), "out", "peers", own);
  const modules = join(folder, "node_modules");
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ private: true, dependencies: packages }, undefined, 2),
  );
  if (Object.keys(packages).every((name) => existsSync(join(modules, name)))) return modules;
  try {
    await promisify(execFile)(
      "npm",
      ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"],
      {
        cwd: folder,
      },
    );
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    throw new Error(`--peers: npm could not install ${Object.keys(packages).join(", ")}:\n${stderr.trim()}`, {
      cause: error,
    });
  }
  return modules;
}
