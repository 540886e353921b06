// Peers that write texts: other runtimes with the same GGUF file and prompts.
import type { Runtime } from "../../browser/run-module.js";

export interface TextPeer {
  /** Name and version, and what it computes on. */
  readonly name: string;
  /** Writes a greedy text of `maxTokens` tokens after each prompt, all at once, and returns the texts without the prompts. */
  write(prompts: readonly string[], maxTokens: number): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

export interface TextPeerSource {
  /** The address of the peers' packages: a URL in a page, a path in Node. */
  readonly packages: string;
  /** The GGUF file: a URL in a page, a path in Node. */
  readonly model: string;
  /** The most texts at once, and the most tokens of each, prompt included. */
  readonly requests: number;
  readonly tokens: number;
}

export type LoadTextPeer = (source: TextPeerSource) => Promise<TextPeer>;

/** The one that runs there. */
export async function findTextPeer(runtime: Runtime): Promise<LoadTextPeer> {
  if (runtime === "node") return (await import("./llama-cpp.js")).loadLlamaCpp;
  return (await import("./wllama.js")).loadWllama;
}
