// The pure parts of the benchmark: lengths, statistics, the count of useful work, and the made-up model.
import { describe, expect, it } from "vitest";
import { boundTokens, bytesOfAll } from "../../../src/cli/bench/formats/bound.js";
import { halfOfPower, writeGguf } from "../../../src/cli/bench/made-up/gguf-writer.js";
import { countWeights, makeDecoder, smol, tinyShape, wider } from "../../../src/cli/bench/made-up/decoder.js";
import { parseBenchOptions } from "../../../src/cli/bench/options.js";
import { OptionError } from "../../../src/cli/terminal/option-values.js";
import { writeOnnx } from "../../../src/cli/bench/peers/onnx-writer.js";
import { padSentences, runPeer } from "../../../src/cli/bench/peers/peer.js";
import { quantile, spreadOf, usefulFlops } from "../../../src/cli/bench/statistics.js";
import { stsLengths, stsQuantiles } from "../../../src/cli/bench/sts-lengths.js";
import {
  makeSentences,
  makeSyntheticModel,
  toSafetensors,
} from "../../../src/cli/bench/peers/synthetic-model.js";
import { listTensors, openGguf } from "../../../src/files/gguf/open-gguf.js";
import { readGgufRows } from "../../../src/files/gguf/read-gguf.js";
import { describeModel } from "../../../src/runtime/load/describe-model.js";
import { dequantise } from "../../../src/tensor/blocks/dequantise.js";
import { toFloat32 } from "../../../src/tensor/formats.js";
import { MemoryFolder } from "../../../src/files/memory-folder.js";
import { readTensors } from "../../../src/files/read-tensors.js";

describe("the lengths of the benchmark", () => {
  it("have the quantiles of the STS benchmark", () => {
    for (const count of [32, 101]) {
      const lengths = stsLengths(count);
      expect(lengths.length).toBe(count);
      for (const [share, length] of stsQuantiles)
        // Lengths are whole, and the longest steps from one sentence to the next lie at both ends.
        expect(Math.abs(quantile(lengths, share) - length), `${share} of ${count}`).toBeLessThanOrEqual(0.5);
    }
  });

  it("are always the same, and not sorted", () => {
    expect(stsLengths(32)).toEqual(stsLengths(32));
    expect(stsLengths(32).slice(0, 8)).toEqual([6, 11, 25, 9, 15, 7, 11, 27]);
    expect(
      stsLengths(32)
        .toSorted((a, b) => a - b)
        .slice(-3),
    ).toEqual([33, 38, 87]);
    expect(stsLengths(1)).toEqual([12]);
  });
});

describe("the batches of other runtimes", () => {
  const sentences = [[1, 2, 3], [4], [5, 6], [7, 8]];

  it("are padded to the longest, sorted where there are several", () => {
    const [whole] = padSentences(sentences, Infinity);
    expect(whole).toMatchObject({ sentences: 4, length: 3, order: [0, 1, 2, 3] });
    expect([...whole!.ids]).toEqual([1, 2, 3, 4, 0, 0, 5, 6, 0, 7, 8, 0]);
    expect([...whole!.lastRows]).toEqual([2, 3, 7, 10]);
    const sorted = padSentences(sentences, 2);
    expect(sorted.map(({ order, length }) => [order, length])).toEqual([
      [[1, 2], 2],
      [[3, 0], 3],
    ]);
  });

  it("come back in the order of the sentences", async () => {
    const echo = {
      name: "echo",
      run: ({ ids, lastRows }: { ids: Int32Array; lastRows: Int32Array }) =>
        Promise.resolve(Float32Array.from(lastRows, (row) => ids[row]!)),
      dispose: () => Promise.resolve(),
    };
    const logits = await runPeer(echo, padSentences(sentences, 2));
    expect(logits.map(([last]) => last)).toEqual([3, 4, 6, 8]);
  });
});

describe("the writer of ONNX files", () => {
  it("writes messages as the format has them", () => {
    const file = writeOnnx({
      nodes: [{ op: "Softmax", inputs: ["x"], outputs: ["y"], attributes: { axis: -1 } }],
      weights: [],
      inputs: [],
      outputs: [],
      opset: 20,
    });
    // Graph: one node of inputs, outputs, operator and an attribute of ten bytes, −1; then its name. By hand from onnx.proto.
    const attribute = [10, 4, ...bytesOf("axis"), 24, ...Array<number>(9).fill(255), 1, 160, 1, 2];
    const node = [10, 1, 120, 18, 1, 121, 34, 7, ...bytesOf("Softmax"), 42, attribute.length, ...attribute];
    const graph = [10, node.length, ...node, 18, 4, ...bytesOf("gpt2")];
    expect([...file]).toEqual([8, 10, 58, graph.length, ...graph, 66, 4, 10, 0, 16, 20]);
  });
});

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

describe("statistics", () => {
  it("take medians and quantiles between values", () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([5], 0.9)).toBe(5);
    expect(spreadOf([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])).toEqual({ median: 50, p10: 10, p90: 90 });
  });

  it("count the useful work of a forward pass as a hand does", () => {
    const shape = { layers: 1, channels: 2, hidden: 3, vocabulary: 5 };
    // One token: QKV 2·6, projection 2·2, MLP 2·3 + 3·2, attention 2 (score) + 2 (sum), head 2·5 multiply-adds.
    expect(usefulFlops(shape, [1])).toBe(2 * (12 + 4 + 12 + 4 + 10));
    // Three tokens: linears 3·28; 1 + 2 + 3 keys, each 2 + 2; one head row.
    expect(usefulFlops(shape, [3])).toBe(2 * (84 + 24 + 10));
    expect(usefulFlops({ ...shape, layers: 4 }, [1, 3])).toBe(2 * (4 * (32 + 108) + 20));
  });
});

describe("the made-up model", () => {
  const shape = { layers: 1, channels: 6, heads: 2, hidden: 9, vocabulary: 11, contextLength: 8 };

  it("is a safetensors file of the tensors", async () => {
    const model = makeSyntheticModel(shape, 1);
    const folder = new MemoryFolder(new Map([["model.safetensors", toSafetensors(model)]]));
    const names: string[] = [];
    for await (const { name, dtype, shape: tensorShape, bytes } of readTensors(folder)) {
      expect(dtype).toBe("F32");
      expect(tensorShape).toEqual(model.tensors.get(name)!.shape);
      expect(toFloat32(bytes, "F32")).toEqual(model.tensors.get(name)!.values);
      names.push(name);
    }
    expect(names).toEqual([...model.tensors.keys()]);
  });

  it("follows from its seed alone, with values of both signs and of deviation 1 before scaling", () => {
    const [one, again, other] = [1, 1, 2].map((seed) =>
      makeSyntheticModel({ ...shape, vocabulary: 5000 }, seed),
    );
    const values = one!.tensors.get("wte.weight")!.values.map((value) => value * Math.sqrt(6));
    expect(again!.tensors).toEqual(one!.tensors);
    expect(other!.tensors.get("wte.weight")).not.toEqual(one!.tensors.get("wte.weight"));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  });

  it("comes with sentences within the vocabulary", () => {
    const sentences = makeSentences([1, 5, 3], 11, 4);
    expect(sentences.map(({ length }) => length)).toEqual([1, 5, 3]);
    expect(sentences.flat().every((id) => Number.isInteger(id) && id >= 0 && id < 11)).toBe(true);
  });
});

describe("the benchmark of formats", () => {
  const shape = { ...tinyShape(wider), layers: 1, vocabulary: 64 };

  it("counts the weights of SmolLM2-135M", () => {
    // 28,311,552 of the vocabulary and 3,538,944 a layer; all parameters are 134,515,008 with 61 norms of 576.
    expect(countWeights(smol, 30)).toBe(134_515_008 - 61 * 576);
    expect(smol).toMatchObject({ allLayers: 30, channels: 576, hidden: 1536, heads: 9, keyValueHeads: 3 });
  });

  it("computes what bytes allow", () => {
    expect(boundTokens(500e6, 100)).toBe(200);
    expect(bytesOfAll(10, 4, 12)).toBe(30);
  });

  it("writes powers of two as float16", () => {
    // From the format: 1 is 0x3c00, the least normal 2^-14 is 0x0400, the least of all 2^-24 is 1.
    expect([0, -1, -14, -15, -24].map(halfOfPower)).toEqual([0x3c00, 0x3800, 0x0400, 0x0200, 1]);
  });

  it.each(["Q4_1", "Q5_0", "Q4_K", "Q6_K"] as const)(
    "writes GGUF files in %s whose weights have the size of a model's",
    async (format) => {
      const folder = new MemoryFolder(new Map([["made.gguf", writeGguf(shape, format, 3)]]));
      const model = await openGguf(folder, "made.gguf");
      expect(listTensors(model).map(({ name }) => name)).toHaveLength(1 + 7 + 3);
      for await (const { tensor, bytes } of readGgufRows(folder, model)) {
        const values = dequantise(bytes, tensor.type.name);
        const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
        if (tensor.shape.length === 1) expect(size).toBeCloseTo(1, 1);
        else {
          expect(tensor.type.name).toBe(format);
          const expected = 1 / Math.sqrt(tensor.shape.at(-1)!);
          expect(size / expected).toBeGreaterThan(0.3);
          expect(size / expected).toBeLessThan(3);
        }
      }
      expect(Buffer.compare(writeGguf(shape, format, 3), writeGguf(shape, format, 3))).toBe(0);
      const { config } = await describeModel(new Blob([writeGguf(shape, format, 3)]));
      expect(config).toMatchObject({ layers: 1, channels: 256, vocabularySize: 64 });
    },
  );

  it("makes the same model from the same seed", () => {
    const small = tinyShape(smol);
    const [one, again] = [makeDecoder(small, 5), makeDecoder(small, 5)];
    expect(again).toEqual(one);
    const { values } = one.tensors.get("model.layers.0.mlp.down_proj.weight")!;
    const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    expect(size * Math.sqrt(small.hidden)).toBeCloseTo(1, 1);
  });
});

describe("the options of the benchmark", () => {
  it("have defaults", () => {
    const defaults = { case: "forward", runtime: "chromium", repeats: 7, quick: false, help: false };
    expect(parseBenchOptions([], ["forward"])).toMatchObject(defaults);
    expect(parseBenchOptions(["--quick"], ["forward"])).toMatchObject({ quick: true, repeats: 2 });
  });

  it.each([
    [["--case", "nope"], '--case: expected forward or backward, received "nope"'],
    [["--runtime", "deno"], '--runtime: expected chromium or node, received "deno"'],
    [["--repeats", "4"], '--repeats: expected a whole number of at least 5, received "4"'],
    [["--repeats", "7.5"], "--repeats: expected a whole number"],
    [["--nope"], "Unknown option '--nope'"],
    [["word"], "Unexpected argument 'word'"],
  ])("refuse %j", (args, message) => {
    const parse = (): unknown => parseBenchOptions(args, ["forward", "backward"]);
    expect(parse).toThrow(OptionError);
    expect(parse).toThrow(message);
  });
});

describe("the option --self-check", () => {
  const cases = ["forward", "self-check"];

  it("is a case whose report has a file, whether it is named or not", () => {
    const { case: name, json } = parseBenchOptions(["--self-check"], cases);
    expect(name).toBe("self-check");
    expect(json).toMatch(/weft-gpu-check\.json$/);
    expect(parseBenchOptions(["--self-check", "--json", "own.json"], cases).json).toMatch(/own\.json$/);
    expect(parseBenchOptions(["--case", "forward"], cases).json).toBeUndefined();
  });

  it("is not for another case", () => {
    expect(() => parseBenchOptions(["--self-check", "--case", "forward"], cases)).toThrow(OptionError);
  });
});
