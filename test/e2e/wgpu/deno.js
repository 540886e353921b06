// Runs the core in Deno, and writes what it finds to the file that is named. `deno run --allow-all deno.js ORIGIN FILE FAMILY,…`
import { writeFileSync } from "node:fs";
import process from "node:process";
import { runCore } from "./core.js";

const [origin, file, families] = process.argv.slice(2);
writeFileSync(file, JSON.stringify(await runCore(origin, families.split(","))));
process.exit(0);
