// Runs the core on Dawn in Node, from the built module on the disk: Node imports nothing from a server. `node node.js ORIGIN FILE`
import { writeFileSync } from "node:fs";
import { runCore } from "./core.js";

const [origin, file] = process.argv.slice(2);
const weft = await import(new URL("../../../dist/index.js", import.meta.url));
writeFileSync(file, JSON.stringify(await runCore(origin, undefined, weft)));
process.exit(0);
