// Runs the core in Deno, and writes what it finds to the file that is named. `deno run --allow-all deno.js ORIGIN FILE`
import { writeFileSync } from "node:fs";
import process from "node:process";
import { runCore } from "./core.js";

const [origin, file] = process.argv.slice(2);
writeFileSync(file, JSON.stringify(await runCore(origin, (words) => console.log(words))));
process.exit(0);
