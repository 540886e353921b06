// Kernels that read quantised weights on real execution: with the values of a file, they give the bits that the same values in
// float32 give, in every linear kernel and in the embedding.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { embeddingVariant } from "../../src/kernels/embedding/embedding.js";
import { Activation, LinearFlag, type LinearKernel } from "../../src/kernels/linear/linear.js";
import { linearKernels } from "../../src/kernels/registry.js";
import { blockFormats, dequantise } from "../../src/tensor/blocks/dequantise.js";
import { gpuFormatOf, gpuFormats, PANEL } from "../../src/tensor/blocks/gpu-layout.js";
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
/** A format of files for each format of the GPU. */
const names = Object.keys(gpuFormats).map((own) =>
  Object.keys(read).find((name) => gpuFormatOf[name] === own && blockFormats.has(name))!,
);
/** One per shader. Others differ in their tiles, which test/gpu/linear.test.ts looks at. */
const kernels = ["register-tiled", "few-row", "split", "tiled-32x64"].map((name) =>
  linearKernels.find((kernel) => kernel.name === name)!,
);

/** More outputs than a panel, and no multiple of 4. */
const N = 70;

/** Rows of a file, over and over until there are N, as they are and as float32. */
function matrixOf(name: string): { K: number; bytes: Uint8Array<ArrayBuffer>; values: Float32Array } {
  const { rows, columns: K } = read[name]!;
  const file = readBytes(join(folder, `${name}.bin`));
  const rowBytes = file.length / rows;
  const bytes = new Uint8Array(N * rowBytes);
  for (let n = 0; n < N; n++)
    bytes.set(file.subarray((n % rows) * rowBytes, ((n % rows) + 1) * rowBytes), n * rowBytes);
  return { K, bytes, values: dequantise(bytes, name) };
}

describe.each(names)("weights of %s", (name) => {
  const queue = useTestQueue();
  const { K, bytes, values } = matrixOf(name);
  const element = gpuFormatOf[name]!;
  const shape = { outputs: N, inputs: K, panel: PANEL };
  const { quants, scales } = packRows(
    { format: blockFormats.get(name)!, firstOutput: 0, count: N, bytes },
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
      kernel.variant(Activation.none, isQuantised ? element : "f32"),
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
      },
      "X",
    );
    for (const [row, id] of ids.entries())
      expect(X.subarray(row * K, (row + 1) * K)).toEqual(values.subarray(id * K, (id + 1) * K));
  });
});
