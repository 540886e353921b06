#!/usr/bin/env node
// `npx weft-webgpu`: the commands of an installed package. They run in this process, on Dawn (npm package "webgpu"). If WEFT_CHROMIUM
// names a browser, and puppeteer and sirv are installed, they can run in a page.
import { readFile } from "node:fs/promises";
import { endWhenNobodyReads } from "./terminal/broken-pipe.js";

const commands = ["generate", "score", "embed", "inspect", "serve", "batch", "train", "bench"] as const;

const helpText = `weft runs transformers on WebGPU.

Usage: npx weft-webgpu COMMAND [options]

  generate "A text"       continue a text
  score "A text" …        how likely texts are
  embed "A text" …        the vectors of texts, by an encoder
  inspect [MODEL]         what a model holds and needs, and whether this machine fits
  serve [MODEL …]         serve models to OpenAI's clients
  batch [MODEL …]         answer the requests of an OpenAI batch file
  train                   train a model on texts
  bench                   measure weft on this machine

npx weft-webgpu COMMAND --help lists the options of one, npx weft-webgpu --version tells which weft this is. They compute with Dawn, the npm package "webgpu": npm install webgpu.`;

endWhenNobodyReads();
const [name, ...rest] = process.argv.slice(2);
const command = commands.find((candidate) => candidate === name);
if (command) {
  process.env["WEFT_PROGRAM"] = "npx weft-webgpu";
  // Commands read their options from the same place as when they are run by themselves.
  process.argv.splice(2, process.argv.length, ...rest);
  await import(/* @vite-ignore */ new URL(`./${command}.js`, import.meta.url).href);
} else if (name === undefined || ["--help", "-h", "help"].includes(name))
  process.stdout.write(`${helpText}\n`);
else if (name === "--version") process.stdout.write(`${await readVersion()}\n`);
else {
  process.stderr.write(`weft: there is no command "${name}"; there are ${commands.join(", ")}\n`);
  process.exitCode = 2;
}

async function readVersion(): Promise<string> {
  const file = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}
