// What a training run needs of a model beside its queues, for models that are loaded without the class Model.
import { KeptWeights } from "../../src/runtime/load/kept-weights.js";
import type { LoadedModel } from "../../src/runtime/load/loaded-model.js";
import { Recovery } from "../../src/runtime/load/recovery.js";
import type { TrainedModel } from "../../src/runtime/train/run.js";

/** A model whose lost device stays lost. */
export function unrecoverable(loaded: LoadedModel): Pick<TrainedModel, "loaded" | "kept" | "recovery"> {
  const kept = new KeptWeights("nowhere", loaded.weightsPrint);
  const recovery = new Recovery({
    loaded,
    kept,
    mayRecover: false,
    onRecovery: undefined,
    reload: () => Promise.reject(new Error("it stays lost")),
    onReopened: () => undefined,
  });
  return { loaded, kept, recovery };
}
