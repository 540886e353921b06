// Small whole models in GGUF, of every architecture and in many mixes of formats, by architecture.

/** As the folder of the shared data names them. */
export const ggufModels: Readonly<Record<string, readonly string[]>> = {
  gpt2: ["gpt2-F16", "gpt2-Q4_K_M"],
  llama: [
    "llama-F16",
    "llama-Q8_0",
    "llama-Q4_0",
    "llama-Q4_1",
    "llama-Q4_K_M",
    "llama-Q5_K_M",
    "llama-Q6_K",
    "llama-Q2_K",
    "llama-Q3_K_M",
    "llama-IQ4_NL",
    "llama-tied-F32",
    "llama-tied-Q4_K_M",
    "llama3-F16",
    "llama3-Q4_K_M",
    "mistral-Q8_0",
    "mistral-Q4_K_M",
  ],
  qwen2: ["qwen2-BF16", "qwen2-Q4_K_M"],
  qwen3: [
    "qwen3-F16",
    "qwen3-Q8_0",
    "qwen3-Q4_0",
    "qwen3-Q4_K_M",
    "qwen3-Q2_K",
    "qwen3-Q3_K_M",
    "qwen3-IQ4_NL",
  ],
  smollm3: ["smollm3-Q8_0", "smollm3-Q4_K_M"],
  granite: ["granite-Q8_0", "granite-Q4_K_M"],
  olmo2: ["olmo2-F16", "olmo2-Q4_K_M"],
  gemma: [],
  gemma2: ["gemma2-BF16", "gemma2-Q4_K_M"],
  gemma3: ["gemma3-Q8_0", "gemma3-Q4_K_M"],
  phi3: ["phi3-F16", "phi3-Q4_K_M", "phi4-mini-Q8_0", "phi4-mini-Q4_K_M"],
  bert: ["bert-F16", "bert-Q8_0", "bert-Q4_K_M"],
  "nomic-bert": ["nomic-bert-Q8_0", "nomic-bert-Q4_K_M"],
  "modern-bert": ["modern-bert-Q8_0", "modern-bert-Q4_K_M"],
  gptneox: ["gptneox-Q8_0", "gptneox-Q4_K_M"],
};

/** Those that lie in the repository. */
export const ownGgufModels: readonly string[] = ["gpt2-Q4_K_M"];

/** What is known of each, beside its outputs. */
export interface GgufOracle {
  readonly kind?: string;
  readonly sentences: readonly (readonly number[])[];
  readonly greedy: readonly { readonly prompt: readonly number[]; readonly tokens: readonly number[] }[];
  readonly tokenized: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly vocabulary: { readonly endOfGeneration: readonly number[] };
}
