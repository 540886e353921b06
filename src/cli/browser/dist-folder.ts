// Finds dist/, with the built module and the embedded model: commands run from dist/cli.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

export const distFolder: string = dirname(dirname(fileURLToPath(import.meta.url)));
