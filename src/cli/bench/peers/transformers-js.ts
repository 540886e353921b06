// The peer transformers.js, on WebGPU or WebAssembly: https://huggingface.co/docs/transformers.js.
import type { MadeEncoder } from "../made-up/encoder.js";
import { makeOnnxBert } from "./onnx-bert.js";

/** The part of its API that is used. */
interface TransformersJs {
  readonly env: {
    readonly version: string;
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: string; numThreads: number } } };
    allowLocalModels: boolean;
    useBrowserCache: boolean;
    useWasmCache: boolean;
    fetch: (address: string | URL) => Promise<Response>;
  };
  readonly pipeline: (task: string, model: string, options: object) => Promise<Extractor>;
}

interface Extractor {
  (
    texts: readonly string[],
    options: { readonly pooling: string; readonly normalize: boolean },
  ): Promise<{ readonly data: Float32Array; readonly dims: readonly [texts: number, width: number] }>;
  dispose(): Promise<void>;
}

export interface EmbeddingPeer {
  /** Name and version, and what it computes on. */
  readonly name: string;
  /** The vectors of texts, the means of their rows with length 1, computed as one padded batch. */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]>;
  dispose(): Promise<void>;
}

export async function loadTransformersJs(
  model: MadeEncoder,
  packages: string,
  device: "webgpu" | "wasm",
): Promise<EmbeddingPeer> {
  const { env, pipeline } = (await import(
    /* @vite-ignore */ `${packages}@huggingface/transformers/dist/transformers.min.js`
  )) as TransformersJs;
  const threads = navigator.hardwareConcurrency;
  env.backends.onnx.wasm.wasmPaths = new URL(`${packages}onnxruntime-web/dist/`, location.href).href;
  env.backends.onnx.wasm.numThreads = threads;
  env.allowLocalModels = false;
  env.useBrowserCache = false;
  env.useWasmCache = false;
  const files: Readonly<Record<string, () => BodyInit>> = {
    "config.json": () => JSON.stringify(model.config),
    "tokenizer.json": () => JSON.stringify(model.tokenizer),
    "tokenizer_config.json": () => JSON.stringify(model.tokenizerConfig),
    "model.onnx": () => makeOnnxBert(model),
  };
  // It asks for the files of a model by their addresses on the hub.
  env.fetch = async (address) => {
    const make = files[String(address).split("/").at(-1)!];
    return make ? new Response(make()) : new Response("", { status: 404 });
  };
  const extract = await pipeline("feature-extraction", "made/up", {
    device,
    dtype: "fp32",
    // Attention that its optimiser fuses gives wrong vectors on SwiftShader.
    session_options: { graphOptimizationLevel: "basic", logSeverityLevel: 3 },
  });
  return {
    name: `transformers.js ${env.version}, ${device === "webgpu" ? "WebGPU" : `WebAssembly, ${threads} threads`}`,
    async embed(texts) {
      const { data, dims } = await extract(texts, { pooling: "mean", normalize: true });
      const [count, width] = dims;
      return Array.from({ length: count }, (_, index) => data.slice(index * width, (index + 1) * width));
    },
    dispose: () => extract.dispose(),
  };
}
