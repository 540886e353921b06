// The public module "weft-webgpu/ai-sdk". Every public name is listed here by hand; nothing else is public.
export { createWeft } from "./provider.js";

export type { WeftOptions, WeftProvider } from "./provider.js";
export type { Specification, WeftEmbeddingModel, WeftLanguageModel } from "./specification.js";
