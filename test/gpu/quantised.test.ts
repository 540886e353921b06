// Kernels that read quantised weights on real execution: with the values of a file, they give the bits that the same values in
// float32 give, in every linear kernel and in the embedding.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { embeddingVariant } from "../../src/kernels/embedding/embedding.js";
import { Activation, type LinearKernel } from "../../src/kernels/linear/linear.js";
import { LinearFlag, rowOutput } from "../../src/kernels/linear/output.js";
import { linearKernels } from "../../src/kernels/registry.js";
import { blockFormats, dequantise } from "../../src/tensor/blocks/dequantise.js";
import { gpuFormatOf, gpuFormats, PANEL, type GpuFormatName } from "../../src/tensor/blocks/gpu-layout.js";
import type { BlockFormat } from "../../src/tensor/blocks/decoded-block.js";
import { mixed, mixRow } from "../../src/tensor/blocks/mixed.js";
import { packRows } from "../../src/tensor/blocks/pack.js";
import { expectClose } from "../helpers/expect-close.js";
import { fixturePath, readBytes, readJsonFile } from "../helpers/fixtures.js";
import { pad4, padLength, runKernel, storeWeight, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { float32Reduction } from "../helpers/tolerances.js";
import { linearForward } from "../reference/linear.js";

const folder = fixturePath("gguf", "blocks");
const { read } = readJsonFile<{
  readonly read: Readonly<Record<string, { readonly rows: number; readonly columns: number }>>;
}>(join(folder, "index.json"));
/** Formats of files for each format of the GPU: one, or several whose rows take turns. */
const formats = (Object.keys(gpuFormats) as GpuFormatName[]).map((element) => ({
  element,
  names:
    element === "q8m"
      ? ["Q4_K", "Q6_K"]
      : [Object.keys(read).find((name) => gpuFormatOf[name] === element && blockFormats.has(name))!],
}));
/** One per shader. Others differ in their tiles, which test/gpu/linear.test.ts looks at. */
const kernels = ["register-tiled", "few-row", "split", "tiled-32x64"].map((name) =>
  linearKernels.find((kernel) => kernel.name === name)!,
);

/** More outputs than a panel, and no multiple of 4. */
const N = 70;

interface TestMatrix {
  readonly K: number;
  readonly format: BlockFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly values: Float32Array<ArrayBuffer>;
}

/** Rows of files, over and over until there are N, as they are and as float32. */
function matrixOf(names: readonly string[]): TestMatrix {
  const { columns: K } = read[names[0]!]!;
  const isMixed = names.length > 1;
  const format = isMixed ? mixed : blockFormats.get(names[0]!)!;
  const rowBytes = (K / format.elements) * format.bytes;
  const bytes = new Uint8Array(N * rowBytes);
  const values = new Float32Array(N * K);
  for (let n = 0; n < N; n++) {
    const name = names[n % names.length]!;
    const { rows, columns } = read[name]!;
    expect(columns).toBe(K);
    const file = readBytes(join(folder, `${name}.bin`));
    const fileRow = file.length / rows;
    const row = file.slice((n % rows) * fileRow, ((n % rows) + 1) * fileRow);
    values.set(dequantise(row, name), n * K);
    if (isMixed) mixRow(row, blockFormats.get(name)!, bytes.subarray(n * rowBytes, (n + 1) * rowBytes));
    else bytes.set(row, n * rowBytes);
  }
  return { K, format, bytes, values };
}

describe.each(formats)("weights in $element", ({ element, names }) => {
  const queue = useTestQueue();
  const { K, format, bytes, values } = matrixOf(names);
  const shape = { outputs: N, inputs: K, panel: PANEL };
  const { quants, scales } = packRows(
    { format, firstOutput: 0, count: N, bytes },
    gpuFormats[element],
    shape,
  );

  const run = (
    kernel: LinearKernel,
    isQuantised: boolean,
    x: Float32Array<ArrayBuffer>,
  ): Promise<Float32Array> =>
    runKernel(
      queue(),
      kernel.variant(Activation.none, isQuantised ? element : "f32", rowOutput),
      {
        X: x,
        W: isQuantised ? quants : storeWeight(values, N, K),
        scales: isQuantised ? scales : new Uint32Array(1),
        bias: padLength(randomFloats(3, N), pad4(N)),
        rowTable: Uint32Array.from({ length: x.length / K }, (_, row) => row),
        Y: new Float32Array((x.length / K) * pad4(N)),
      },
      {
        firstEntry: 0,
        rowCount: x.length / K,
        inputVectors: K / 4,
        outputVectors: pad4(N) / 4,
        outputStride: pad4(N) / 4,
        outputOffset: 0,
        outputEntry: 0,
        factor: 1,
        flags: LinearFlag.compactOutput,
      },
      "Y",
    );

  it.each(kernels)("give $name the bits of the same values in float32", async (kernel) => {
    for (const rows of [1, 9]) {
      const x = randomFloats(rows, rows * K);
      const expected = await run(linearKernels[0], false, x);
      expect(new Uint32Array((await run(kernel, true, x)).buffer)).toEqual(new Uint32Array(expected.buffer));
      if (kernel !== linearKernels[0]) continue;
      const exact = linearForward({ x, weight: values, bias: randomFloats(3, N), N, K });
      const magnitude = linearForward({ x: x.map(Math.abs), weight: values.map(Math.abs), N, K });
      const errors = exact.map(
        (value, index) =>
          (expected[Math.floor(index / N) * pad4(N) + (index % N)]! - value) / (1 + magnitude[index]!),
      );
      expectClose(errors, new Float64Array(errors.length), float32Reduction(1));
    }
  });

  it("are looked up exactly", async () => {
    const ids = [0, 31, 32, 69, 3];
    const X = await runKernel(
      queue(),
      embeddingVariant(element, { positions: false }),
      {
        W: quants,
        scales,
        positionEmbedding: new Float32Array(4),
        typeEmbedding: new Float32Array(4),
        rowInfo: Uint32Array.from(ids.flatMap((id, row) => [id, row, 0, ids.length])),
        rowTable: Uint32Array.from({ length: ids.length }, (_, row) => row),
        sampled: new Uint32Array(1),
        X: new Float32Array(ids.length * K).fill(9),
      },
      {
        firstEntry: 0,
        rowCount: ids.length,
        channelVectors: K / 4,
        firstToken: 0,
        tokenCount: N,
        shardStride: pad4(N),
        scale: 1,
        firstPosition: 0,
      },
      "X",
    );
    for (const [row, id] of ids.entries())
      expect(X.subarray(row * K, (row + 1) * K)).toEqual(values.subarray(id * K, (id + 1) * K));
  });
});
