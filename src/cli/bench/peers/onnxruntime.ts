// The peer onnxruntime-web on WebGPU: https://onnxruntime.ai/docs/tutorials/web/.
import { makeOnnxGpt2 } from "./onnx-gpt2.js";
import { causalMask, type LoadPeer } from "./peer.js";

/** The part of its API that is used. */
interface Ort {
  readonly env: {
    readonly wasm: { wasmPaths: string; numThreads: number };
    readonly versions: { readonly web?: string };
    logLevel: string;
  };
  readonly Tensor: new (
    type: string,
    data: BigInt64Array | Float32Array,
    shape: readonly number[],
  ) => unknown;
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OrtSession>;
  };
}

interface OrtSession {
  run(
    feeds: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly logits: { readonly data: Float32Array } }>;
  release(): Promise<void>;
}

export const loadOnnxRuntime: LoadPeer = async (model, address) => {
  const folder = `${address}onnxruntime-web/dist/`;
  const ort = (await import(/* @vite-ignore */ `${folder}ort.webgpu.bundle.min.mjs`)) as Ort;
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(makeOnnxGpt2(model), {
    executionProviders: ["webgpu"],
    graphOptimizationLevel: "all",
  });
  return {
    name: `onnxruntime-web ${ort.env.versions.web ?? ""}`.trim(),
    async run({ sentences, length, ids, lastRows }) {
      const integers = (values: Iterable<number>, shape: readonly number[]): unknown =>
        new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
      const { logits } = await session.run({
        ids: integers(ids, [sentences, length]),
        positions: integers(Array(length).keys(), [length]),
        mask: new ort.Tensor("float32", causalMask(length), [length, length]),
        lastRows: integers(lastRows, [sentences]),
      });
      return logits.data;
    },
    dispose: () => session.release(),
  };
};
