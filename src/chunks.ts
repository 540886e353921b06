// Which modules are in which file of what is built: a page loads what it needs, when it needs it. Read by vite.config.ts, and
// held by test/unit/house/chunks.test.ts to what imports what. Paths are relative to the repository.

/** What a page needs of a model in a worker: a file of its own, as the rest is loaded by the worker alone. */
const sharedWithPage: readonly string[] = [
  "src/errors.ts",
  "src/util/",
  "src/runtime/generate/handle.ts",
  "src/runtime/texts/embedding-handle.ts",
  "src/worker/error-record.ts",
  "src/worker/lent-storage.ts",
];

/** What training begins with, by `import()`: it and what only it imports are a file of their own. */
export const trainingEntry = "src/runtime/train/training.ts";

/** Of these folders, what only the other side needs. */
const notShared: readonly string[] = ["src/util/load-part.ts"];

export function isSharedWithPage(path: string): boolean {
  if (notShared.includes(path)) return false;
  return sharedWithPage.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
}

/** What answers are made of: shared by the doors of OpenAI's API and of the AI SDK. */
export function isOfAnswers(path: string): boolean {
  return path.startsWith("src/answer/");
}

/** Modules of weft that are neither half of the worker nor a door for other programs: those have the files of their entries. */
export function isCore(path: string): boolean {
  return /^(src|shaders)\//.test(path) && !/^src\/(worker|answer|openai|ai-sdk)\//.test(path);
}
