// SERVING.md's files for containers: what they have weft do is what it can do, and their probes ask where it answers.
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseBatchOptions } from "../../../src/cli/batch/options.js";
import { parseServeOptions } from "../../../src/cli/serve/options.js";
import { codeBlocks } from "../../helpers/code-blocks.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const blocks = codeBlocks(root, "SERVING.md").filter(({ language }) => language === "yaml");

/** The lists that begin a container: JSON, but for a comma at the end. */
const commands = blocks.flatMap(({ code }) =>
  [...code.matchAll(/^ +(?:command|args):\s+(\[[^\]]*\])$/gm)]
    .map(([, list]) => JSON.parse(list!.replace(/,\s*\]$/, "]")) as string[])
    .filter(([program]) => program !== "redis-server"),
);

describe("the files for containers in SERVING.md", () => {
  it("begin weft with options that it has", () => {
    expect(commands.map(([name]) => name)).toEqual(["serve", "batch", "serve", "batch"]);
    for (const [name, ...args] of commands) {
      if (name === "serve") {
        expect(parseServeOptions(args, {})).toMatchObject({ host: "0.0.0.0", port: 8000 });
        continue;
      }
      expect(parseBatchOptions(args)).toMatchObject({
        kind: "work",
        listen: { port: 8001 },
        queue: { url: "redis://redis:6379", name: "weft" },
      });
    }
  });

  it("ask /health at the ports that weft listens at, and wait longer than weft does", () => {
    const [compose, cluster] = blocks.map(({ code }) => code);
    expect([...compose!.matchAll(/127\.0\.0\.1:(\d+)\/health/g)].map(([, port]) => port)).toEqual([
      "8000",
      "8001",
    ]);
    expect([...cluster!.matchAll(/containerPort: (\d+)/g)].map(([, port]) => port)).toEqual(["8000", "8001"]);
    expect(cluster!.match(/Probe: \{ httpGet: \{ path: \/health, port: http \}/g)).toHaveLength(5);
    for (const [, seconds] of [
      ...compose!.matchAll(/stop_grace_period: (\d+)s/g),
      ...cluster!.matchAll(/terminationGracePeriodSeconds: (\d+)/g),
    ])
      expect(Number(seconds)).toBeGreaterThan(parseServeOptions([], {}).drainMs / 1000);
  });
});
