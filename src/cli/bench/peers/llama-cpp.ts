// The peer node-llama-cpp, llama.cpp in Node on the CPU: https://node-llama-cpp.withcat.ai.
import type { LoadTextPeer } from "./text-peer.js";

/** The part of its API that is used. */
interface LlamaModule {
  readonly LlamaLogLevel: Readonly<Record<"error", string>>;
  readonly getLlama: (options: object) => Promise<Llama>;
}

interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

interface LlamaModel {
  tokenize(text: string): readonly number[];
  detokenize(tokens: readonly number[]): string;
  createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
}

interface LlamaSequence {
  evaluate(tokens: readonly number[], options: object): AsyncIterable<number>;
  clearHistory(): Promise<void>;
}

/**
 * It hands sequences that are sampled at once each other's tokens unless Node's pool has a single thread: start the process with
 * UV_THREADPOOL_SIZE=1.
 */
export const loadLlamaCpp: LoadTextPeer = async ({ packages, model: modelPath, requests, tokens }) => {
  const folder = `${packages}/node-llama-cpp/`;
  const { readFile } = await import("node:fs/promises");
  const { availableParallelism } = await import("node:os");
  const { pathToFileURL } = await import("node:url");
  const { version } = JSON.parse(await readFile(`${folder}package.json`, "utf8")) as { version: string };
  const { getLlama, LlamaLogLevel } = (await import(
    /* @vite-ignore */ pathToFileURL(`${folder}dist/index.js`).href
  )) as LlamaModule;
  // More threads than cores wait for each other.
  const threads = availableParallelism();
  const llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ sequences: requests, contextSize: tokens, threads });
  const sequences = Array.from({ length: requests }, () => context.getSequence());
  const write = async (sequence: LlamaSequence, prompt: string, maxTokens: number): Promise<string> => {
    const written: number[] = [];
    for await (const token of sequence.evaluate(model.tokenize(prompt), {
      temperature: 0,
      yieldEogToken: true,
    })) {
      written.push(token);
      if (written.length === maxTokens) break;
    }
    await sequence.clearHistory();
    return model.detokenize(written);
  };
  return {
    name: `node-llama-cpp ${version}, CPU, ${threads} threads`,
    write: (prompts, maxTokens) =>
      Promise.all(prompts.map((prompt, index) => write(sequences[index]!, prompt, maxTokens))),
    dispose: () => llama.dispose(),
  };
};
