// What the service says of itself: its models, whether they can answer, and what it has counted.
import type { Fields } from "../fields/fields.js";
import type { Exchange } from "../http/exchange.js";
import { ApiFailure } from "../http/failure.js";
import type { NamedModel } from "../../answer/named-models.js";
import { modelNamed } from "../models.js";
import type { Service } from "../service.js";

export function answerModels(service: Service): Response {
  return Response.json({
    object: "list",
    data: service.models.map((named) => describe(service, named)),
  });
}

/** Names may have slashes, as those of a hub do. */
export function answerModel(service: Service, _: Exchange, __: Fields, rest: string): Response {
  return Response.json(describe(service, modelNamed(service.models, decode(rest))));
}

/** 503 while the last that a model said is that it cannot answer, such as after its device was lost. */
export function answerHealth(service: Service): Response {
  const [first] = service.broken;
  if (!first) return Response.json({ status: "ok" });
  throw new ApiFailure({
    status: 503,
    message: `The model '${first[0]}' cannot answer: ${first[1].message}`,
    code: "model_unavailable",
    cause: first[1],
  });
}

export async function answerMetrics(service: Service): Promise<Response> {
  return new Response(await service.metrics.render(service.waiting), {
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

const describe = ({ created }: Service, { name, model }: NamedModel): object => ({
  id: name,
  object: "model",
  created,
  owned_by: "weft",
  // Of other servers, not of OpenAI.
  max_model_len: model.info.config.contextLength,
});

/** The name in a path. What is no encoding stands for itself, and is no model's name. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
