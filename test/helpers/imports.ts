// What the files of the repository import from each other, read from the source itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const repository: string = fileURLToPath(new URL("../..", import.meta.url));

export interface Import {
  /** Paths relative to the repository, as they are on the disk: "src/index.ts". */
  readonly file: string;
  readonly target: string;
  /** Nothing of it is left when types are gone. */
  readonly isTypeOnly: boolean;
  readonly isDynamic: boolean;
}

/** Imports and re-exports by relative path, of all files below `folder`. */
export function listImports(folder: string): Import[] {
  return listSourceFiles(folder).flatMap((file) =>
    [
      ...read(file).matchAll(
        /(?:^(import|export)\s+(type\s+)?([^;]*?)from\s*|(\bimport)\s*\(\s*|^import\s+)"(\.[^"]+)"/gm,
      ),
    ].map(([, , type, names = "", dynamic, specifier]) => ({
      file,
      target: targetOf(file, specifier!),
      isTypeOnly: type !== undefined || isListOfTypes(names),
      isDynamic: dynamic !== undefined,
    })),
  );
}

/** Code files below a folder of the repository. */
export function listSourceFiles(folder: string): string[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name))
    .map((name) => join(folder, name));
}

export function read(file: string): string {
  return readFileSync(join(repository, file), "utf8");
}

/** "{ type A, type B }" */
function isListOfTypes(names: string): boolean {
  const list = /^\{([^}]*)\}\s*$/.exec(names)?.[1];
  return list !== undefined && list.split(",").every((name) => /^\s*(type\s|$)/.test(name));
}

function targetOf(file: string, specifier: string): string {
  const path = relative(repository, resolve(repository, dirname(file), specifier.replace(/\?raw$/, "")));
  const source = path.replace(/\.js$/, ".ts");
  return existsSync(join(repository, source)) ? source : path;
}
