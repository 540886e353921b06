// What a real GPU's compiler makes of the kernels, on a machine without a GPU: registers, occupancy, spills, machine code. Dawn
// turns every variant into SPIR-V; AMD's open driver (Mesa RADV) compiles that for a chip that is not there. Nothing is executed.
// `npm run gpu-compile -- [--match REGEXP] [--chip navi21,navi31] [--head 16,32] [--element f32] [--isa FILE] [--json FILE]`
// Fails if a variant that a GPU may be given misses what requirements.js asks for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileFor, prepareTools } from "./driver.js";
import { hottestLoop } from "./machine-code.js";
import { problemOf } from "./requirements.js";
import { dumpVariants } from "./spirv.js";

const { values: options } = parseArgs({
  options: {
    match: { type: "string", default: "." },
    chip: { type: "string", default: "navi31,navi21" },
    element: { type: "string", default: "f32" },
    head: { type: "string", default: "16,32" },
    isa: { type: "string" },
    json: { type: "string" },
  },
});

const tools = await prepareTools();
if (tools.missing) {
  // By name, so that a run without it does not look like one with it.
  console.log(`gpu-compile left out: ${tools.missing}`);
  process.exit(0);
}
const scratch = mkdtempSync(join(tmpdir(), "gpu-compile-"));
const rows = [];
let machineCode = "";
try {
  for (const { kernel, isForGpus, assembly, failure } of dumpVariants(tools, options)) {
    if (failure) rows.push({ kernel, isForGpus, failure });
    else
      for (const chip of options.chip.split(",")) {
        const { failure: own, statistics, code } = compileFor(tools, chip, assembly, scratch);
        if (own) rows.push({ kernel, chip, isForGpus, failure: own });
        else {
          rows.push({ kernel, chip, isForGpus, ...describe(statistics, code) });
          machineCode += `##### ${kernel} on ${chip}\n${code}\n`;
        }
      }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

console.table(
  rows.map(({ kernel, isForGpus, ...row }) => ({ kernel: kernel.slice(0, 64), gpu: isForGpus, ...row })),
);
if (options.isa) writeFileSync(options.isa, machineCode);
if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, null, 1)}\n`);
const problems = rows.filter(({ isForGpus }) => isForGpus).flatMap((row) => problemOf(row) ?? []);
for (const problem of problems) console.log(problem);
console.log(`${rows.length} compiled, ${problems.length} of them not fit for a GPU`);
process.exit(problems.length > 0 || rows.length === 0 ? 1 : 0);

/** The driver's statistics, and what the loop in which the kernel spends its time does. */
function describe(statistics, code) {
  const loop = hottestLoop(code);
  const per = (bytes) => (loop.multiplyAdds ? Number((bytes / loop.multiplyAdds).toFixed(2)) : undefined);
  return {
    registers: statistics.VGPRs,
    waves: statistics["Subgroups per SIMD"],
    shared: statistics["LDS size"],
    spills: statistics["Spilled VGPRs"],
    scratch: statistics["Scratch size"],
    loopMultiplyAdds: loop.multiplyAdds,
    perInstruction: Number((loop.multiplyAdds / Math.max(1, loop.instructions)).toFixed(2)),
    sharedBytes: per(loop.sharedBytes),
    memoryBytes: per(loop.memoryBytes),
  };
}
