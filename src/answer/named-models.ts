// The models that are served, by the names that callers ask for.
import { ArgumentError } from "../errors.js";
import type { ServedModel } from "./served-model.js";

/** One model, or several by their names. A single one is called "weft". */
export type ServedModels =
  ServedModel | Readonly<Record<string, ServedModel>> | ReadonlyMap<string, ServedModel>;

export interface NamedModel {
  readonly name: string;
  readonly model: ServedModel;
}

/** What a single model is called. */
const ONLY_NAME = "weft";

/** @throws ArgumentError if there is none. */
export function listModels(models: ServedModels): readonly NamedModel[] {
  const isOne = typeof models === "object" && models !== null && isServed(models);
  const entries: readonly (readonly [string, ServedModel])[] = isOne
    ? [[ONLY_NAME, models]]
    : models instanceof Map
      ? [...(models as ReadonlyMap<string, ServedModel>)]
      : Object.entries(models ?? {});
  const bad = entries.find(([name, model]) => name === "" || !isServed(model));
  if (bad || entries.length === 0)
    throw new ArgumentError({
      argument: bad ? `models[${JSON.stringify(bad[0])}]` : "models",
      expected: "a Model or a WorkerModel, or several by their names",
      received: bad ? bad[1] : models,
    });
  return entries.map(([name, model]) => ({ name, model }));
}

function isServed(value: unknown): value is ServedModel {
  return (
    typeof value === "object" && value !== null && "generate" in value && typeof value.generate === "function"
  );
}
