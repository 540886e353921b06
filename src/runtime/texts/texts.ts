// What a page loads for calls about texts, by `import()`: all of them together, as each needs most of it.
export { classifyTexts } from "./classify.js";
export { decideAnswers } from "./decide.js";
export { embedTexts } from "./embed.js";
export { fillMasks } from "./fill-mask.js";
export { maskedHead } from "./masked-head.js";
export { rerankDocuments } from "./rerank.js";
