#!/usr/bin/env node
// `npx weft`: the commands of an installed package. They run in this process, on Dawn (npm package "webgpu"), or, where
// WEFT_CHROMIUM names a browser and puppeteer and sirv are installed, in a page of it.

const commands = ["generate", "score", "inspect", "train", "bench"] as const;

const helpText = `weft runs transformers on WebGPU.

Usage: npx weft COMMAND [options]

  generate "A text"       continue a text
  score "A text" …        how likely texts are
  inspect [DIR]           what a model's folder holds and needs, and whether this machine fits
  train                   train a model on texts
  bench                   measure weft on this machine

npx weft COMMAND --help lists the options of one. They compute with Dawn, the npm package "webgpu": npm install webgpu.`;

const [name, ...rest] = process.argv.slice(2);
const command = commands.find((candidate) => candidate === name);
if (command) {
  process.env["WEFT_PROGRAM"] = "npx weft";
  // Commands read their options from where they are when run by themselves.
  process.argv.splice(2, process.argv.length, ...rest);
  await import(/* @vite-ignore */ new URL(`./${command}.js`, import.meta.url).href);
} else if (name === undefined || name === "--help" || name === "help") process.stdout.write(`${helpText}\n`);
else {
  process.stderr.write(`weft: there is no command "${name}"; there are ${commands.join(", ")}\n`);
  process.exitCode = 2;
}
