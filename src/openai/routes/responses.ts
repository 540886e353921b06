// POST /v1/responses: an answer to a text or to items, whole or as events. Nothing is kept: a conversation comes whole with each
// request. platform.openai.com/docs/api-reference/responses
import { ask } from "../../answer/ask.js";
import type { AnswerEnd } from "../../answer/answer.js";
import type { FieldTable, Fields } from "../fields/fields.js";
import { readResponseInput } from "../fields/response-input.js";
import { readSampling, samplingFields } from "../fields/sampling.js";
import { formatBesideTools, readResponseFormat } from "../fields/response-format.js";
import { readTools, toolFields } from "../fields/tools.js";
import type { Exchange } from "../http/exchange.js";
import { eventText } from "../http/event-stream.js";
import type { ApiFailure } from "../http/failure.js";
import { findModel } from "../models.js";
import type { AnswerUpdate, Service } from "../service.js";
import { isRecord } from "../../util/json-value.js";
import { harmless, readVariables } from "./field-reasons.js";
import { newId } from "./new-id.js";
import { ResponseWriter } from "./response-writer.js";

const stateless = "weft keeps no responses: send the whole conversation as input.";

const table: FieldTable = {
  handled: [
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "stream",
    "text",
    "chat_template_kwargs",
    ...samplingFields,
    ...toolFields,
  ],
  ignored: [...harmless, "stream_options"],
  refused: {
    previous_response_id: { because: stateless },
    conversation: { because: stateless },
    background: { because: stateless, unless: (value) => value === false },
    prompt: { because: "weft keeps no prompts: send the text as input." },
    reasoning: {
      because:
        "models differ in how they are told; chat_template_kwargs sets the variables of their template.",
      // What sums thoughts up changes nothing here: they come as they are.
      unless: (value) => isRecord(value) && (value["effort"] ?? null) === null,
    },
    truncation: {
      because: "weft refuses what is too long, and leaves nothing out.",
      unless: (value) => value === "disabled",
    },
    include: {
      because: "weft has nothing of what it lists.",
      // Thoughts come as they are, so that nothing of them is encrypted.
      unless: (value) => Array.isArray(value) && value.every((own) => own === "reasoning.encrypted_content"),
    },
    top_logprobs: {
      because: "weft gives no log-probabilities here; /v1/chat/completions has those of the chosen tokens.",
      unless: (value) => value === 0,
    },
    max_tool_calls: { because: "it counts calls of tools that OpenAI runs, which weft does not have." },
  },
};

export async function answerResponses(
  service: Service,
  exchange: Exchange,
  fields: Fields,
): Promise<Response> {
  fields.expectKnown(table);
  const named = findModel(service.models, fields);
  const messages = readResponseInput(fields);
  const toolsGiven = readTools(fields, true);
  const { tools, ...calls } = toolsGiven;
  const maxTokens = fields.whole("max_output_tokens", { least: 1 });
  const isStream = fields.flag("stream") ?? false;
  const templateVariables = readVariables(fields);
  const text = fields.record("text");
  text?.expectKnown({
    handled: ["format"],
    ignored: [],
    refused: { verbosity: { because: "weft's models have no such setting." } },
  });
  const format = text && readResponseFormat(text, "format");
  const responseFormat = formatBesideTools(fields, "text", format, toolsGiven);
  const options = {
    ...readSampling(fields),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(templateVariables ? { templateVariables } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    toolFormat: service.settings.toolFormat,
    ...calls,
  };
  await service.expectRoom(named, [messages, tools, templateVariables], "input");
  const conversation = { messages, ...(tools ? { tools } : {}) };
  const updates = service.write(exchange, named, [
    (hooks) => ask(named.model, conversation, { ...options, ...hooks }),
  ]);
  const head = headOf(fields, named.name);
  if (!isStream) return Response.json(await collect(head, updates));
  const stream = new EventWriter(head);
  return service.stream(
    exchange,
    updates,
    "input",
    (all) => stream.write(all),
    (failure) => stream.fail(failure),
  );
}

/** What a response says of its request. */
function headOf(fields: Fields, model: string): object {
  const echo = (name: string): unknown => fields.value(name) ?? null;
  return {
    id: newId("resp_"),
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    model,
    background: false,
    instructions: echo("instructions"),
    max_output_tokens: echo("max_output_tokens"),
    metadata: fields.value("metadata") ?? {},
    parallel_tool_calls: fields.value("parallel_tool_calls") ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: echo("temperature"),
    text: { format: fields.plain("text")?.["format"] ?? { type: "text" } },
    tool_choice: fields.value("tool_choice") ?? "auto",
    tools: fields.value("tools") ?? [],
    top_p: echo("top_p"),
    truncation: "disabled",
    user: echo("user"),
  };
}

const isCut = ({ reason }: AnswerEnd): boolean => reason === "length";

function complete(head: object, output: readonly object[], end: AnswerEnd): object {
  const { promptTokens, completionTokens } = end.generation.usage;
  return {
    ...head,
    status: isCut(end) ? "incomplete" : "completed",
    error: null,
    incomplete_details: isCut(end) ? { reason: "max_output_tokens" } : null,
    output,
    usage: {
      input_tokens: promptTokens,
      output_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  };
}

async function collect(head: object, updates: AsyncIterable<AnswerUpdate>): Promise<object> {
  const writer = new ResponseWriter();
  let response: object = head;
  for await (const { value, isEnd } of updates) {
    if (isEnd) {
      writer.finish(isCut(value));
      response = complete(head, writer.items, value);
    } else for (const part of value) writer.add(part);
  }
  return response;
}

/** Writes the events of a response, numbered. */
class EventWriter {
  readonly #head: object;
  readonly #writer = new ResponseWriter();
  #count = 0;

  constructor(head: object) {
    this.#head = head;
  }

  async *write(updates: AsyncIterable<AnswerUpdate>): AsyncGenerator<string, void, undefined> {
    const begun = this.#state("in_progress", null);
    yield this.#event({ type: "response.created", response: begun });
    yield this.#event({ type: "response.in_progress", response: begun });
    for await (const { value, isEnd } of updates) {
      if (isEnd) {
        for (const event of this.#writer.finish(isCut(value))) yield this.#event(event);
        const response = complete(this.#head, this.#writer.items, value);
        yield this.#event({ type: `response.${isCut(value) ? "incomplete" : "completed"}`, response });
      } else for (const part of value) for (const event of this.#writer.add(part)) yield this.#event(event);
    }
  }

  fail({ message, code }: ApiFailure): string {
    const error = { code: code ?? "server_error", message };
    return this.#event({ type: "response.failed", response: this.#state("failed", error) });
  }

  #state(status: string, error: object | null): object {
    return {
      ...this.#head,
      status,
      error,
      incomplete_details: null,
      output: this.#writer.items,
      usage: null,
    };
  }

  #event({ type, ...own }: { readonly type: string } & Readonly<Record<string, unknown>>): string {
    return eventText({ type, sequence_number: this.#count++, ...own }, type);
  }
}
