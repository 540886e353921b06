// The module behind "weft/worker": everything listed by hand, nothing else is public. It has weft's errors too, the same
// classes, so that a page need not load the rest for them.
export { WorkerModel } from "./worker-model.js";
export { WorkerTrainingRun } from "./worker-training-run.js";
export {
  ArgumentError,
  CancelledError,
  DeviceError,
  DisposedError,
  FetchError,
  FormatError,
  GenerationInterruptedError,
  ShaderError,
  ShapeError,
  TrainingError,
  WeftError,
  WorkerError,
} from "../errors.js";

export type { Promisified } from "./promisified.js";
export type { WorkerLoadOptions } from "./worker-model.js";
