// The routes, and what each of them answers.
import type { Fields } from "../fields/fields.js";
import type { Exchange } from "../http/exchange.js";
import type { Service } from "../service.js";
import { answerChat } from "./chat.js";
import { answerCompletions } from "./completions.js";
import { answerEmbeddings } from "./embeddings.js";
import { answerHealth, answerMetrics, answerModel, answerModels } from "./service-state.js";
import { answerRerank } from "./rerank.js";
import { answerResponses } from "./responses.js";

export interface Route {
  readonly method: "GET" | "POST";
  /** Ends with "/" where more of the path belongs to it. */
  readonly path: string;
  /** The field in which what the model reads comes. */
  readonly prompt: string;
  /** `rest`: what of the path is behind the route's own. */
  readonly answer: (
    service: Service,
    exchange: Exchange,
    fields: Fields,
    rest: string,
  ) => Promise<Response> | Response;
}

const routes: readonly Route[] = [
  { method: "POST", path: "/v1/chat/completions", prompt: "messages", answer: answerChat },
  { method: "POST", path: "/v1/completions", prompt: "prompt", answer: answerCompletions },
  { method: "POST", path: "/v1/responses", prompt: "input", answer: answerResponses },
  { method: "POST", path: "/v1/embeddings", prompt: "input", answer: answerEmbeddings },
  { method: "POST", path: "/v1/rerank", prompt: "documents", answer: answerRerank },
  { method: "GET", path: "/v1/models", prompt: "", answer: answerModels },
  { method: "GET", path: "/v1/models/", prompt: "", answer: answerModel },
  { method: "GET", path: "/health", prompt: "", answer: answerHealth },
  { method: "GET", path: "/metrics", prompt: "", answer: answerMetrics },
];

export interface FoundRoute {
  readonly route: Route;
  readonly rest: string;
}

export function findRoute(path: string): FoundRoute | undefined {
  for (const route of routes) {
    const isOpen = route.path.endsWith("/");
    if (isOpen ? path.startsWith(route.path) && path !== route.path : path === route.path)
      return { route, rest: path.slice(route.path.length) };
  }
  return undefined;
}
