// Where a model comes from: what a caller may give, and the folder it stands for.
import { ArgumentError, FetchError } from "../errors.js";
import { DiskFolder, hasDisk } from "./disk-folder.js";
import { HttpFolder } from "./http-folder.js";
import { MemoryFolder, type FileContent } from "./memory-folder.js";
import type { ModelFolder } from "./model-folder.js";

/** A model's files as values: parsed JSON files, and the content of model.safetensors. */
export interface ModelParts {
  readonly config: object;
  readonly weights: ArrayBuffer | Blob | Uint8Array;
  readonly tokenizer?: object;
  readonly tokenizerConfig?: object;
  /** The text of chat_template.jinja. */
  readonly chatTemplate?: string;
  readonly generationConfig?: object;
}

/**
 * A folder in Hugging Face layout, by URL (relative ones are resolved against the page) or, in Node, by path; or the
 * files themselves.
 */
export type ModelSource = string | URL | ModelParts;

/** The folder that `source` stands for. Nothing is read yet. @throws ArgumentError when `source` is not a source. */
export function openModelFolder(source: ModelSource): ModelFolder {
  const folder = tryOpen(source);
  if (folder) return folder;
  throw new ArgumentError({
    argument: "source",
    expected: "a folder's URL or path, or { config, weights }",
    received: source,
    remedy: "Pass the folder that holds config.json and model.safetensors, or the two as values.",
  });
}

function tryOpen(source: ModelSource): ModelFolder | undefined {
  if (source instanceof URL) return openUrl(source);
  if (isModelParts(source)) return new MemoryFolder(listFiles(source));
  if (typeof source !== "string" || source === "") return undefined;
  // The address of the page or of the worker's script. Node has neither, so there it is a path unless it has a scheme.
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  if (base === undefined && !/^(https?|file):/i.test(source)) return new DiskFolder(source);
  return URL.canParse(source, base) ? openUrl(new URL(source, base)) : undefined;
}

function openUrl(url: URL): ModelFolder {
  if (url.protocol !== "file:") return new HttpFolder(url);
  if (hasDisk()) return new DiskFolder(url);
  throw new FetchError({
    url: url.href,
    problem: "a page cannot read files of the disk",
    remedy: "Serve the page and the model folder over http, for example on localhost.",
  });
}

function isModelParts(source: unknown): source is ModelParts {
  if (typeof source !== "object" || source === null) return false;
  const { config, weights } = source as Partial<Record<keyof ModelParts, unknown>>;
  const isBytes = weights instanceof ArrayBuffer || weights instanceof Uint8Array || weights instanceof Blob;
  return typeof config === "object" && config !== null && isBytes;
}

function listFiles(parts: ModelParts): Map<string, FileContent> {
  const files = new Map<string, FileContent>([
    ["config.json", parts.config],
    ["model.safetensors", parts.weights],
  ]);
  if (parts.tokenizer) files.set("tokenizer.json", parts.tokenizer);
  if (parts.tokenizerConfig) files.set("tokenizer_config.json", parts.tokenizerConfig);
  if (parts.chatTemplate !== undefined)
    files.set("chat_template.jinja", new TextEncoder().encode(parts.chatTemplate));
  if (parts.generationConfig) files.set("generation_config.json", parts.generationConfig);
  return files;
}
