// OpenAI's API as a function from requests to responses. It knows neither ports nor files, so that it runs wherever fetch does.
import { ApiFailure, failureOf } from "./http/failure.js";
import { answerPreflight, corsHeaders } from "./http/cors.js";
import { Exchange } from "./http/exchange.js";
import { checkKey } from "./http/keys.js";
import { readBody } from "./http/read-body.js";
import { Fields } from "./fields/fields.js";
import { listModels, type ServedModels } from "../answer/named-models.js";
import { checkOptions, type HandlerOptions, type Settings } from "./options.js";
import { findRoute, type FoundRoute } from "./routes/routes.js";
import { Service } from "./service.js";

/** Answers a request of an OpenAI client. It never rejects: failures are responses too. */
export type Handler = (request: Request) => Promise<Response>;

/**
 * Serves one model, or several by their names, as OpenAI's API does: chat, completions, responses, embeddings, rerank, the list of
 * models, /health and /metrics. Pass what it returns to whatever serves fetch's requests in Node, Deno or Bun, or by
 * `toFetch` to an OpenAI client. A request whose signal is aborted, or whose response is cancelled, ends its generation and frees its memory.
 *
 * Throws ArgumentError for models that are none, and for unusable options.
 *
 * @example
 * ```ts
 * import { Model } from "weft-webgpu";
 * import { createHandler } from "weft-webgpu/openai";
 *
 * await using model = await Model.load("./tinystories-gpt2/");
 * const handler = createHandler({ stories: model });
 * const response = await handler(
 *   new Request("http://localhost/v1/completions", {
 *     method: "POST",
 *     body: JSON.stringify({ model: "stories", prompt: "Once upon a time", max_tokens: 40 }),
 *   }),
 * );
 * console.log(await response.json());
 * ```
 */
export function createHandler(models: ServedModels, options: HandlerOptions = {}): Handler {
  const settings = checkOptions(options);
  const service = new Service(listModels(models), settings);
  return (request) => handle(request, service, settings);
}

/**
 * A handler as a function like fetch, for clients that take one: it rejects with the signal's reason when a request is aborted.
 *
 * @example
 * ```ts
 * import OpenAI from "openai";
 * import { Model } from "weft-webgpu";
 * import { createHandler, toFetch } from "weft-webgpu/openai";
 *
 * await using model = await Model.load("./tinystories-gpt2/");
 * const fetch = toFetch(createHandler({ stories: model }));
 * const client = new OpenAI({ baseURL: "http://weft/v1", apiKey: "none", fetch });
 * console.log(await client.completions.create({ model: "stories", prompt: "Once upon a time" }));
 * ```
 */
export function toFetch(
  handler: Handler,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const request = new Request(input, init);
    const response = await handler(request);
    request.signal.throwIfAborted();
    return response;
  };
}

async function handle(request: Request, service: Service, settings: Settings): Promise<Response> {
  const { pathname } = new URL(request.url);
  const found = findRoute(pathname);
  // A path that a client made up is not written down.
  const route = found?.route.path ?? "other";
  const exchange = new Exchange(request, route, settings.timeoutMs, settings.onRequest);
  let response: Response;
  try {
    response = await answer(exchange, found, service, settings);
    exchange.setStatus(response.status);
    if (!exchange.isStream) exchange.end();
  } catch (error) {
    const failure = exchange.failure ?? failureOf(error, found?.route.prompt ?? "");
    response = failure.toResponse();
    exchange.setStatus(failure.status);
    exchange.end(failure);
  }
  service.metrics.addResponse(route, response.status);
  for (const [name, value] of Object.entries(corsHeaders(request, settings.cors)))
    response.headers.set(name, value);
  return response;
}

async function answer(
  exchange: Exchange,
  found: FoundRoute | undefined,
  service: Service,
  settings: Settings,
): Promise<Response> {
  const { request } = exchange;
  if (request.method === "OPTIONS" && settings.cors.length > 0)
    return answerPreflight(request, settings.cors);
  if (new URL(request.url).pathname.startsWith("/v1")) checkKey(request, settings.apiKeys);
  if (!found)
    throw new ApiFailure({
      status: 404,
      message: "There is no such route. Those that there are begin with /v1.",
      code: "unknown_url",
    });
  const { route, rest } = found;
  if (request.method !== route.method)
    throw new ApiFailure({
      status: 405,
      message: `${route.path} takes ${route.method} only.`,
      code: "method_not_allowed",
      headers: { allow: route.method },
    });
  const body = route.method === "POST" ? await readBody(request, settings.bodyBytes) : {};
  return route.answer(service, exchange, new Fields(body), rest);
}
