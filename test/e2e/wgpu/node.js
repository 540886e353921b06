// Runs the core on Dawn in Node, from the built module on the disk: Node imports nothing from a server. `node node.js ORIGIN FILE FAMILY,…`
import { writeFileSync } from "node:fs";
import { runCore } from "./core.js";

const [origin, file, families] = process.argv.slice(2);
const [weft, doors] = await Promise.all(
  ["index", "openai"].map((name) => import(new URL(`../../../dist/${name}.js`, import.meta.url))),
);
writeFileSync(file, JSON.stringify(await runCore(origin, families.split(","), weft, doors)));
process.exit(0);
