// Optimizer steps and the norm that they clip by, on real execution, against the float64 reference.
import { describe, expect, it } from "vitest";
import {
  adamwVariant,
  addVariant,
  sgdVariant,
  SUM_TERMS,
  sumSquaresVariant,
  sumVariant,
} from "../../src/kernels/optimizer/optimizer.js";
import { expectClose } from "../helpers/expect-close.js";
import { runKernel, runKernelOutputs, useTestQueue } from "../helpers/gpu-run.js";
import { randomFloats } from "../helpers/random.js";
import { exact, float32Elementwise, float32Steps, positiveFloat32Sum } from "../helpers/tolerances.js";
import { adamwStep, clipFactor, globalNorm, sgdStep } from "../reference/optimizer.js";

const queue = useTestQueue();

/** In elements: one vec4, around one workgroup of 64, and several workgroups; all multiples of 4, as buffers are. */
const sizes = [4, 28, 252, 256, 260, 1204];
const steps = 5;
const huge = 3e38;

type Values = Float32Array<ArrayBuffer>;

/** A gradient per step, of falling scale, some of it 0. */
function gradientsOf(size: number): Values[] {
  return Array.from({ length: steps }, (_, step) =>
    randomFloats(step, size, 1 / (step + 1)).map((value, index) => (index % 7 === 3 ? 0 : value)),
  );
}

// As the kernel has them.
const beta1 = Math.fround(0.9);
const beta2 = Math.fround(0.999);

function zeros(): Values {
  return new Float32Array(8);
}

async function runAdamw(size: number, decay: number, maxNorm: number): Promise<Record<string, Values>> {
  const options = { rate: 0.01, beta1, beta2, epsilon: 1e-8, decay };
  let actual = {
    weight: randomFloats(10, size),
    first: new Float32Array(size),
    second: new Float32Array(size),
  };
  let expected: Record<keyof typeof actual, ArrayLike<number>> = actual;
  for (const [index, gradient] of gradientsOf(size).entries()) {
    const step = index + 1;
    const norm = globalNorm([gradient]);
    const corrections = {
      firstCorrection: 1 / (1 - beta1 ** step),
      secondCorrection: 1 / (1 - beta2 ** step),
    };
    actual = await runKernelOutputs(
      queue(),
      adamwVariant,
      { gradient, squares: Float32Array.of(norm * norm, 999), ...actual },
      { vectorCount: size / 4, ...options, ...corrections, maxNorm },
      ["weight", "first", "second"],
    );
    const clipped = Float64Array.from(gradient, (value) => value * clipFactor(norm, maxNorm));
    expected = adamwStep({ ...options, ...expected, gradient: clipped, step });
    for (const name of ["weight", "first", "second"] as const)
      expectClose(actual[name], expected[name], float32Steps(step));
  }
  return actual;
}

describe("adamw", () => {
  it.each(sizes)("takes the reference's steps with %i elements", async (size) => {
    await runAdamw(size, 0, huge);
    await runAdamw(size, 0.1, huge);
  });

  it("clips to the norm that it is given, and nothing below it", async () => {
    await runAdamw(260, 0.1, 1);
    expect(await runAdamw(260, 0.1, 1e6)).toEqual(await runAdamw(260, 0.1, huge));
  });

  it("leaves padding at 0", async () => {
    const result = await runKernelOutputs(
      queue(),
      adamwVariant,
      { gradient: zeros(), squares: zeros(), weight: zeros(), first: zeros(), second: zeros() },
      {
        vectorCount: 2,
        rate: 0.1,
        beta1,
        beta2,
        epsilon: 1e-8,
        decay: 0.1,
        firstCorrection: 10,
        secondCorrection: 1000,
        maxNorm: 1,
      },
      ["weight", "first", "second"],
    );
    for (const values of Object.values(result)) expect(values).toEqual(zeros());
  });

  it("gives the same bits twice", async () => {
    expect(await runAdamw(260, 0.1, 1)).toEqual(await runAdamw(260, 0.1, 1));
  });
});

async function runSgd(
  size: number,
  momentum: number,
  decay: number,
  maxNorm: number,
): Promise<Record<string, Values>> {
  const options = { rate: 0.05, momentum, decay };
  let actual = { weight: randomFloats(11, size), velocity: new Float32Array(size) };
  let expected: Record<keyof typeof actual, ArrayLike<number>> = actual;
  for (const [index, gradient] of gradientsOf(size).entries()) {
    const norm = globalNorm([gradient]);
    actual = await runKernelOutputs(
      queue(),
      sgdVariant,
      { gradient, squares: Float32Array.of(norm * norm, 999), ...actual },
      { vectorCount: size / 4, ...options, maxNorm },
      ["weight", "velocity"],
    );
    const clipped = Float64Array.from(gradient, (value) => value * clipFactor(norm, maxNorm));
    expected = sgdStep({ ...options, ...expected, gradient: clipped });
    for (const name of ["weight", "velocity"] as const)
      expectClose(actual[name], expected[name], float32Steps(index + 1));
  }
  return actual;
}

describe("sgd", () => {
  it.each(sizes)("takes the reference's steps with %i elements", async (size) => {
    await runSgd(size, 0, 0, huge);
    await runSgd(size, 0.9, 0.1, huge);
  });

  it("clips to the norm that it is given, and nothing below it", async () => {
    await runSgd(260, 0.9, 0.1, 1);
    expect(await runSgd(260, 0.9, 0.1, 1e6)).toEqual(await runSgd(260, 0.9, 0.1, huge));
  });

  it("gives the same bits twice", async () => {
    expect(await runSgd(260, 0.9, 0.1, 1)).toEqual(await runSgd(260, 0.9, 0.1, 1));
  });
});

async function sumSquares(x: Values, sums: Values, firstPartial: number): Promise<Values> {
  const params = { vectorCount: x.length / 4, firstPartial };
  return runKernel(queue(), sumSquaresVariant, { X: x, sums }, params, "sums");
}

async function addUp(terms: Values): Promise<number> {
  let values = terms;
  while (values.length > 1) {
    const Y = new Float32Array(Math.ceil(values.length / SUM_TERMS));
    values = await runKernel(queue(), sumVariant, { X: values, Y }, { count: values.length }, "Y");
  }
  return values[0]!;
}

describe("the squared global norm", () => {
  /** Vectors per sum and terms per sum are 64; a workgroup has 32 sums. */
  const vectorCounts = [1, 63, 64, 65, 127, 32 * 64, 32 * 64 + 1];

  it.each(vectorCounts)("begins with sums over 64 vectors, of %i", async (vectorCount) => {
    const x = randomFloats(vectorCount, 4 * vectorCount);
    const count = Math.ceil(vectorCount / SUM_TERMS);
    const sums = await sumSquares(x, new Float32Array(count + 3).fill(7), 2);
    for (let index = 0; index < count; index++) {
      const part = x.subarray(4 * SUM_TERMS * index, 4 * SUM_TERMS * (index + 1));
      expectClose([sums[2 + index]!], [globalNorm([part]) ** 2], positiveFloat32Sum(SUM_TERMS));
    }
    expect([sums[0], sums[1], sums[count + 2]], "what is not its own").toEqual([7, 7, 7]);
  });

  it.each([1, 2, 63, 64, 65, 2048, 2049, 4097])("adds %i sums up, 64 at a time", async (count) => {
    const terms = randomFloats(count, count).map(Math.abs);
    const total = terms.reduce((sum, term) => sum + term, 0);
    expectClose([await addUp(terms)], [total], positiveFloat32Sum(count));
  });

  it("is that of all tensors together", async () => {
    const tensors = vectorCounts.map((vectorCount) => randomFloats(vectorCount, 4 * vectorCount));
    const counts = tensors.map(({ length }) => Math.ceil(length / 4 / SUM_TERMS));
    let sums: Values = new Float32Array(counts.reduce((sum, count) => sum + count, 0));
    let first = 0;
    for (const [index, tensor] of tensors.entries()) {
      sums = await sumSquares(tensor, sums, first);
      first += counts[index]!;
    }
    const squared = await addUp(sums);
    expectClose([Math.sqrt(squared)], [globalNorm(tensors)], positiveFloat32Sum(SUM_TERMS));
    expect(await addUp(sums), "the same bits twice").toBe(squared);
  });
});

describe("the sum of two gradients", () => {
  it.each(sizes)("adds %i elements to what is there", async (size) => {
    const [x, y] = [randomFloats(1, size), randomFloats(2, size)];
    const sum = await runKernel(queue(), addVariant, { X: x, Y: y }, { vectorCount: size / 4 }, "Y");
    expectClose(
      sum,
      x.map((value, index) => value + y[index]!),
      exact,
    );
    expectClose(
      sum,
      Float64Array.from(x, (value, index) => value + y[index]!),
      float32Elementwise,
    );
  });
});
