// Which files of a repository are the model: a folder in Hugging Face layout, or one of several GGUF files.
import { ArgumentError, FetchError } from "../../errors.js";

/** Formats by the labels that names of GGUF files have, by habit. The first that there is is taken. */
export const preferredFormats: readonly string[] = [
  "Q4_K_M",
  "Q4_K_S",
  "Q4_0",
  "Q4_1",
  "IQ4_NL",
  "IQ4_XS",
  "Q5_K_M",
  "Q5_0",
  "Q8_0",
  "Q6_K",
  "Q3_K_M",
  "Q2_K",
  "F16",
  "BF16",
  "F32",
];

/**
 * Returns the path of the GGUF file to load, or undefined if the repository is a folder. `wanted` is what the caller asked for: a
 * path, or how the only one ends. @throws ArgumentError, FetchError naming what there is.
 */
export function chooseFile(
  paths: readonly string[],
  wanted: string | undefined,
  location: string,
): string | undefined {
  // Projectors belong to the other modalities of a model.
  const models = paths.filter((path) => /\.gguf$/i.test(path) && !/(^|\/)mmproj/i.test(path));
  // Any part of a split model leads to the others.
  const files = models.filter((path) => !/-\d{5}-of-\d{5}/.test(path) || /-00001-of-/.test(path));
  if (wanted !== undefined) return findWanted(files, models, wanted);
  const hasWeights = paths.includes("model.safetensors") || paths.includes("model.safetensors.index.json");
  if (paths.includes("config.json") && hasWeights) return undefined;
  if (files.length <= 1) return files[0] ?? failWithoutWeights(paths, location);
  for (const format of preferredFormats) {
    const label = new RegExp(`(^|[^a-z0-9])${format}($|[^a-z0-9_])`, "i");
    const own = files.filter((path) => label.test(path));
    if (own.length > 0) return own.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))[0];
  }
  throw new ArgumentError({
    argument: "file",
    expected: `one of ${files.join(", ")}`,
    received: undefined,
    remedy: "The repository has several GGUF files: say which, as { file }.",
  });
}

function findWanted(files: readonly string[], models: readonly string[], wanted: string): string {
  if (models.includes(wanted)) return wanted;
  const own = files.filter((path) => path.toLowerCase().includes(wanted.toLowerCase()));
  if (own.length === 1) return own[0]!;
  throw new ArgumentError({
    argument: "file",
    expected:
      files.length === 0 ? "nothing, as the repository has no GGUF file" : `one of ${files.join(", ")}`,
    received: wanted,
    remedy: "Pass the whole path of a file, or a part that only one has.",
  });
}

function failWithoutWeights(paths: readonly string[], location: string): never {
  const others = paths.filter((path) => /\.(bin|pt|pth|onnx|h5|msgpack)$/i.test(path));
  const found = others.length === 0 ? "no file of weights" : `only ${others.slice(0, 5).join(", ")}`;
  throw new FetchError({
    url: location,
    problem: `expected config.json with model.safetensors, or a .gguf file, the repository has ${found}`,
    remedy:
      "Choose a repository with safetensors or GGUF, or convert the model with the Python library transformers.",
  });
}
