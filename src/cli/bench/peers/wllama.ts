// The peer wllama, llama.cpp as WebAssembly with threads: https://github.com/ngxson/wllama.
import type { LoadTextPeer } from "./text-peer.js";

/** The part of its API that is used. */
interface Wllama {
  loadModel(files: readonly Blob[], options: object): Promise<void>;
  createCompletion(options: object): Promise<{ readonly choices: readonly { readonly text: string }[] }>;
  exit(): Promise<void>;
}

interface WllamaModule {
  readonly Wllama: new (paths: { readonly default: string }, config: object) => Wllama;
  readonly LoggerWithoutDebug: object;
}

export const loadWllama: LoadTextPeer = async ({ packages, model, requests, tokens }) => {
  const folder = `${packages}@wllama/wllama/`;
  const { version } = (await (await read(`${folder}package.json`)).json()) as { version: string };
  const { Wllama, LoggerWithoutDebug } = (await import(
    /* @vite-ignore */ `${folder}esm/index.min.js`
  )) as WllamaModule;
  const threads = navigator.hardwareConcurrency;
  const wllama = new Wllama(
    { default: `${folder}esm/wasm/wllama.wasm` },
    { suppressNativeLog: true, logger: LoggerWithoutDebug },
  );
  await wllama.loadModel([await (await read(model)).blob()], {
    n_ctx: requests * tokens,
    n_parallel: requests,
    n_threads: threads,
    // Its WebGPU needs shader-f16, which software adapters in a browser have not.
    n_gpu_layers: 0,
  });
  return {
    name: `wllama ${version}, WebAssembly, ${threads} threads`,
    async write(prompts, maxTokens) {
      const answers = await Promise.all(
        prompts.map((prompt) =>
          wllama.createCompletion({
            prompt,
            max_tokens: maxTokens,
            temperature: 0,
            ignore_eos: true,
            cache_prompt: false,
          }),
        ),
      );
      return answers.map(({ choices }) => choices[0]!.text);
    },
    dispose: () => wllama.exit(),
  };
};

async function read(address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answered ${response.status}`);
  return response;
}
