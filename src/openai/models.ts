// Finds the model that a request asks for.
import type { NamedModel } from "../answer/named-models.js";
import type { Fields } from "./fields/fields.js";
import { ApiFailure } from "./http/failure.js";

/** Where there is one model only, the request need not name it. @throws ApiFailure. */
export function findModel(models: readonly NamedModel[], fields: Fields): NamedModel {
  const name = fields.text("model");
  if (name === undefined && models.length === 1) return models[0]!;
  if (name === undefined) throw fields.wrong("model", "the name of a model");
  return modelNamed(models, name);
}

/** @throws ApiFailure. */
export function modelNamed(models: readonly NamedModel[], name: string): NamedModel {
  const found = models.find((own) => own.name === name);
  if (found) return found;
  const names = models.map((own) => own.name).join(", ");
  throw new ApiFailure({
    status: 404,
    message: `The model '${name.slice(0, 100)}' does not exist. There are: ${names}.`,
    param: "model",
    code: "model_not_found",
  });
}
