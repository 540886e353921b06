// Builds a model from files that were dropped or chosen. They contain a folder in Hugging Face layout, at any depth.
import type { ModelParts } from "../../index.js";

/** `folder`: the name of the folder, where the files do not tell. @throws Error that says which file is missing or cannot be used. */
export async function readModelFiles(
  files: readonly File[],
  folder = "the dropped model",
): Promise<ModelParts & { readonly name: string }> {
  // The one that lies highest: parts of a model, in folders of their own, have files of the same names.
  const find = (name: string): File | undefined =>
    files.filter((file) => file.name === name).toSorted((a, b) => depth(a) - depth(b))[0];
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
  const chatTemplate = await find("chat_template.jinja")?.text();
  const generationConfig = await optional("generation_config.json");
  return {
    name: weights.webkitRelativePath.split("/").at(-2) ?? folder,
    config: await read(config),
    // A Blob, which is read piece by piece, never as a whole.
    weights,
    tokenizer,
    ...(tokenizerConfig ? { tokenizerConfig } : {}),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    ...(generationConfig ? { generationConfig } : {}),
    files: sentenceFiles(files, config),
  };
}

/** What sentence-transformers has put beside an encoder, by its paths in the folder of config.json. */
function sentenceFiles(files: readonly File[], config: File): Record<string, File> {
  const folder = pathOf(config).slice(0, -config.name.length);
  const beside = files.map((file) => [pathOf(file).slice(folder.length), file] as const);
  return Object.fromEntries(beside.filter(([path]) => sentencePath.test(path)));
}

const sentencePath =
  /^(modules|config_sentence_transformers|sentence_bert_config)\.json$|^\d_\w+\/(config\.json|model\.safetensors)$/;

const pathOf = (file: File): string => file.webkitRelativePath || file.name;

const depth = (file: File): number => pathOf(file).split("/").length;

async function read(file: File): Promise<object> {
  try {
    return JSON.parse(await file.text()) as object;
  } catch {
    throw new Error(`${file.name} is not JSON: download it again.`);
  }
}

/** What was dropped. Must be called while the drop is handled: the browser forgets the items afterwards. */
export function entriesOf(dropped: DataTransfer): readonly FileSystemEntry[] {
  return [...dropped.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
}

/** All files of what was dropped, including those in folders. */
export async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  // By this property and not by a class: Chrome does not define FileSystemFileEntry.
  if (entry.isFile)
    return [
      await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
    ];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
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
