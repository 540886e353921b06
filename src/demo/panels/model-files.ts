// Builds a model from files that were dropped or chosen. They contain a folder in Hugging Face layout, at any depth.
import type { ModelParts } from "../../index.js";

/** @throws Error that says which file is missing or cannot be used. */
export async function readModelFiles(
  files: readonly File[],
): Promise<ModelParts & { readonly name: string }> {
  const find = (name: string): File | undefined => files.find((file) => file.name === name);
  const config = find("config.json");
  const weights = find("model.safetensors");
  if (!config) throw new Error("These files are no model: config.json is missing. Choose the whole folder.");
  if (!weights) {
    const inShards = find("model.safetensors.index.json") !== undefined;
    throw new Error(
      inShards
        ? "This model is in several files: serve its folder, and give its URL."
        : "model.safetensors is missing. weft reads safetensors: download or convert the model.",
    );
  }
  const optional = async (name: string): Promise<object | undefined> => {
    const file = find(name);
    return file && read(file);
  };
  const tokenizer = await optional("tokenizer.json");
  if (!tokenizer) throw new Error("tokenizer.json is missing: without it, text has no tokens.");
  const tokenizerConfig = await optional("tokenizer_config.json");
  const generationConfig = await optional("generation_config.json");
  return {
    name: weights.webkitRelativePath.split("/").at(-2) ?? "the dropped model",
    config: await read(config),
    // A Blob, which is read piece by piece, never as a whole.
    weights,
    tokenizer,
    ...(tokenizerConfig ? { tokenizerConfig } : {}),
    ...(generationConfig ? { generationConfig } : {}),
  };
}

async function read(file: File): Promise<object> {
  try {
    return JSON.parse(await file.text()) as object;
  } catch {
    throw new Error(`${file.name} is not JSON: download it again.`);
  }
}

/** All files that were dropped, including those in folders. */
export async function filesOf(dropped: DataTransfer): Promise<File[]> {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry instanceof FileSystemFileEntry)
    return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))];
  if (!(entry instanceof FileSystemDirectoryEntry)) return [];
  const reader = entry.createReader();
  const files: File[] = [];
  // A reader returns some entries at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesIn))).flat());
  }
}
