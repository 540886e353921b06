// What a training run loads when it begins, so that pages which do not train need not: see src/chunks.ts.
export { BatchSampler, cutWindows } from "./batches.js";
export { restoreState, saveState } from "./saved-state.js";
export { TrainingSession } from "./session.js";
