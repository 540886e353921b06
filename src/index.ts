// The public module "weft-webgpu". Every public name is listed here by hand; nothing else is public.
export { Model } from "./runtime/model.js";
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
} from "./errors.js";
export { GenerationBatch, GenerationHandle } from "./runtime/generate/handle.js";
export { EmbeddingHandle } from "./runtime/texts/embedding-handle.js";
export { cosineSimilarity, dotSimilarity } from "./runtime/texts/similarity.js";
export { TrainingRun } from "./runtime/train/run.js";
export { toChromeTrace } from "./trace/chrome-trace.js";
export { measureTrace } from "./trace/metrics.js";
export { renderTimeline } from "./trace/timeline-svg.js";
export { validateTrace } from "./trace/validate.js";
export { createModelParts } from "./model/weights/new-model.js";
export { listCached, removeCached } from "./files/cache/cached-models.js";
export { ResultHandle } from "./util/result-handle.js";
export { describeModel } from "./runtime/load/describe-model.js";

export type { TextOptions, TextProgress } from "./runtime/texts/calls.js";
export type { Classification, ClassifyOptions, TokenClassification } from "./runtime/texts/classify.js";
export type { AnswerScore, DecideOptions, Decision, Question } from "./runtime/texts/decide.js";
export type { EmbeddedText, Embeddings } from "./runtime/texts/embedding-handle.js";
export type { FilledMask, FillMaskOptions, MaskCandidate } from "./runtime/texts/fill-mask.js";
export type { EncodedText, TextLike, TextPair } from "./runtime/texts/input.js";
export type { LabelScore } from "./runtime/texts/labels.js";
export type { EmbedOptions } from "./runtime/texts/options.js";
export type { RankedDocument, RerankOptions } from "./runtime/texts/rerank.js";
export type { PoolingName } from "./kernels/pooling/pooling.js";
export type { DeviceErrorReason } from "./errors.js";
export type { AdapterDescription } from "./gpu/queue.js";
export type {
  AttentionGradientTask,
  AttentionTask,
  Fence,
  Placement,
  SliceGradientTask,
  SliceTask,
  Task,
  WeightGradientTask,
} from "./plan/vocabulary.js";
export type {
  Completion,
  FinishReason,
  Generation,
  GenerationTimings,
  InterruptedGeneration,
} from "./runtime/generate/handle.js";
export type { GenerationStep, GenerationStepPart } from "./runtime/generate/step.js";
export type { GenerateOptions, Prompt } from "./runtime/generate/generator.js";
export type { ResponseFormat } from "./text/grammar/response-format.js";
export type { Sentence } from "./runtime/load/check-input.js";
export type { SavedModel } from "./runtime/save-model.js";
export type { TrainOptions } from "./runtime/train/options.js";
export type { TrainStep } from "./runtime/train/run.js";
export type { Arithmetic, CacheFormat, FloatFormat, WeightFormat } from "./tensor/formats.js";
export type { ForwardOptions, RunOptions } from "./runtime/passes/pass-options.js";
export type {
  HiddenResult,
  LogitsResult,
  QueueStats,
  RunResult,
  RunStats,
} from "./runtime/passes/pass-result.js";
export type { KernelPick, VerifiedKernel } from "./tuning/pick.js";
export type { KernelPicks } from "./tuning/choose.js";
export type { LoadOptions, LoadProgress, RecoveryEvent } from "./runtime/load/load-options.js";
export type { ModelInfo } from "./runtime/load/model-info.js";
export type { ModelStats } from "./runtime/generate/stats.js";
export type { QueueMemory } from "./gpu/buffer.js";
export type { Score, Scores } from "./runtime/score.js";
export type { SamplingOptions } from "./runtime/generate/sampling.js";
export type { TraceMetrics } from "./trace/metrics.js";
export type { TimelineOptions } from "./trace/timeline-svg.js";
export type { KernelTime, Trace, TraceStage, TraceSubmission } from "./trace/trace.js";
export type { ChatMessage } from "./text/chat-template.js";
export type { LearningRateSchedule } from "./runtime/train/learning-rate.js";
export type { AdamWOptions, OptimizerOptions, SgdOptions } from "./runtime/train/optimizer-options.js";
export type { NewModelOptions } from "./model/weights/new-model.js";
export type { ModelDescription } from "./runtime/load/describe-model.js";
export type { TensorDescription } from "./runtime/load/model-files.js";
export type { ActivationName, ClassifierConfig, ModelConfig } from "./families/model-config.js";
export type { CachedModel } from "./files/cache/cached-models.js";
export type { HubOptions } from "./files/hub/open-hub.js";
export type { DownloadProgress, NotStored } from "./files/read-tensors.js";
export type { ModelParts, ModelSource } from "./files/source.js";
