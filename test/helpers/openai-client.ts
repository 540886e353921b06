// The official OpenAI client, talking to a handler without a network.
import OpenAI from "openai";
import { toFetch, type Handler } from "../../src/openai/index.js";

export function clientOf(handler: Handler, apiKey: string = "any"): OpenAI {
  return new OpenAI({
    apiKey,
    baseURL: "http://weft.test/v1",
    maxRetries: 0,
    // A page that has the model has no key to lose.
    dangerouslyAllowBrowser: true,
    fetch: toFetch(handler),
  });
}
