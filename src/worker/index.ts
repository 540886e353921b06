// The public module "weft-webgpu/worker". Every public name is listed here by hand. It exports the same error classes as "weft-webgpu", so
// that a page does not have to load "weft-webgpu" for them.
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
  StorageError,
  TrainingError,
  WeftError,
  WorkerError,
} from "../errors.js";

export type { Promisified } from "./promisified.js";
export type { WorkerLoadOptions, WorkerModelInfo } from "./worker-model.js";
