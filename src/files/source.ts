// Where a model comes from: what a caller may give, and the folder it stands for.
import { ArgumentError, FetchError } from "../errors.js";
import { DiskFolder, hasDisk } from "./disk-folder.js";
import { isHubId } from "../util/hub-id.js";
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
  /** Further files by their paths in the folder: those of sentence-transformers, such as modules.json and 1_Pooling/config.json. */
  readonly files?: Readonly<Record<string, object | Blob | Uint8Array>>;
}

/**
 * A model of the Hugging Face hub, "owner/name"; a folder in Hugging Face layout or a .gguf file, by URL (relative ones are resolved
 * against the page) or, in Node, by path; or the files themselves: as values, as a .gguf file, or as all parts of one.
 */
export type ModelSource = string | URL | ModelParts | Blob | readonly File[];

/** Where a model's files are: a folder in Hugging Face layout, or a GGUF file in a folder. */
export interface OpenedSource {
  readonly folder: ModelFolder;
  /** The name of the GGUF file, or of any of its parts. */
  readonly ggufName?: string;
}

/**
 * Whether a source is a repository of a hub: "owner/name", if there is no folder of that name. In a page, a folder beside it is
 * "./owner/name" or "owner/name/".
 */
export function isHubSource(source: ModelSource): source is string {
  if (typeof source !== "string" || !isHubId(source)) return false;
  return !hasDisk() || !process.getBuiltinModule("node:fs").existsSync(source);
}

/** How long servers are waited for: see HubOptions. */
interface Waiting {
  readonly stallMs?: number | undefined;
}

/** @throws ArgumentError when `source` is not a source. Nothing is read yet. */
export function openModelSource(source: ModelSource, waiting: Waiting = {}): OpenedSource {
  if (source instanceof Blob) return openFiles([source]);
  if (Array.isArray(source) && source.length > 0 && source.every((file) => file instanceof Blob))
    return openFiles(source);
  if (source instanceof URL || typeof source === "string") {
    const file = splitGgufAddress(source);
    if (file) return { folder: openModelFolder(file.folder, waiting), ggufName: file.name };
  }
  return { folder: openModelFolder(source, waiting) };
}

/** The folder and the name of an address that ends with ".gguf"; a query string stays with the folder. */
function splitGgufAddress(
  source: string | URL,
): { readonly folder: string | URL; readonly name: string } | undefined {
  const found = /^(.*?)([^/\\]+\.gguf)([?#].*)?$/is.exec(String(source));
  if (!found) return undefined;
  const [, path = "", name = "", rest = ""] = found;
  if (source instanceof URL) return { folder: new URL(`${path}${rest}`), name };
  return { folder: `${path || "."}${rest}`, name };
}

function openFiles(files: readonly Blob[]): OpenedSource {
  const names = files.map((file) => (file instanceof File && file.name ? file.name : "model.gguf"));
  const contents = new Map(files.map((file, index) => [names[index]!, file] as const));
  return { folder: new MemoryFolder(contents), ggufName: names[0]! };
}

/** The folder that `source` stands for. Nothing is read yet. @throws ArgumentError when `source` is not a source. */
export function openModelFolder(source: ModelSource, waiting: Waiting = {}): ModelFolder {
  const folder = tryOpen(source, waiting);
  if (folder) return folder;
  throw new ArgumentError({
    argument: "source",
    expected: "a folder's or .gguf file's URL or path, a .gguf file as Blob, or { config, weights }",
    received: source,
    remedy: "Pass the folder that holds config.json and model.safetensors, or a .gguf file.",
  });
}

function tryOpen(source: ModelSource, waiting: Waiting): ModelFolder | undefined {
  if (source instanceof URL) return openUrl(source, waiting);
  if (isModelParts(source)) return new MemoryFolder(listFiles(source));
  if (typeof source !== "string" || source === "") return undefined;
  // The address of the page or of the worker's script. Node has neither, so there it is a path unless it has a scheme.
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  if (base === undefined && !/^(https?|file):/i.test(source)) return new DiskFolder(source);
  return URL.canParse(source, base) ? openUrl(new URL(source, base), waiting) : undefined;
}

function openUrl(url: URL, { stallMs }: Waiting): ModelFolder {
  if (url.protocol !== "file:") return new HttpFolder(url, stallMs);
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
  for (const [path, content] of Object.entries(parts.files ?? {})) files.set(path, content);
  return files;
}
