// What a real GPU's compiler makes of the kernels: no variant that a GPU may be given spills or falls below its waves.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
// @ts-expect-error: a plain script, as the tool runs without a build
import { problemOf } from "../gpu-compile/requirements.js";

const tool = fileURLToPath(new URL("../gpu-compile/gpu-compile.js", import.meta.url));
const problem = problemOf as (row: object) => string | undefined;

const fit = { kernel: "norm.forward", chip: "navi31", spills: 0, scratch: 0, waves: 16 };

it("tells what is not fit for a GPU", () => {
  expect(problem(fit)).toBeUndefined();
  expect(problem({ ...fit, spills: 3 })).toContain("spills 3 registers");
  expect(problem({ ...fit, scratch: 512 })).toContain("512 bytes");
  expect(problem({ ...fit, waves: 5 })).toContain("5 waves");
  const tile = { ...fit, kernel: "linear.forward-tiled f32 TILE_ROWS=128 TILE_COLUMNS=128" };
  expect(problem({ ...tile, perInstruction: 0.72, sharedBytes: 1 })).toBeUndefined();
  expect(problem({ ...tile, perInstruction: 0.6, sharedBytes: 2 })).toContain("0.6 multiply-adds");
});

// Activations change nothing in a kernel's loop: npm run gpu-compile compiles them all.
it("finds every kernel fit that a GPU may be given", (context) => {
  const match = "^(?!linear.forward|embedding)|^(linear|embedding).*(ACTIVATION=0|POSITIONS=false)";
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, "--match", match], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const leftOut = /gpu-compile left out: .*/.exec(stdout)?.[0];
  if (leftOut) {
    console.info(leftOut);
    context.skip(leftOut);
  }
  expect(status, `${stdout.split("\n").slice(-12).join("\n")}${stderr}`).toBe(0);
}, 600_000);
