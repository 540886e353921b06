// The code that a training run loads when it begins, so that pages that do not train need not load it. See src/chunks.ts.
export { BatchSampler, cutWindows } from "./batches.js";
export { restoreState, restoreWeights, saveState } from "./saved-state.js";
export { TrainingSession } from "./session.js";
