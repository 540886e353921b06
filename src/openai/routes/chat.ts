// POST /v1/chat/completions: answers in a conversation, whole or in chunks. platform.openai.com/docs/api-reference/chat
import { ask } from "../../answer/ask.js";
import type { AnswerEnd, AnswerReason } from "../../answer/answer.js";
import type { AnswerPart, CallPart } from "../../answer/answer-part.js";
import type { ServedModel } from "../../answer/served-model.js";
import { answerFields, readAnswerFields, usageOf, type Usage } from "../fields/answer-fields.js";
import type { FieldTable, Fields } from "../fields/fields.js";
import { readMessages } from "../fields/messages.js";
import {
  choiceFields,
  optionsOfChoice,
  readChoiceOptions,
  readSampling,
  samplingFields,
} from "../fields/sampling.js";
import { formatBesideTools, readResponseFormat } from "../fields/response-format.js";
import { readTools, toolFields } from "../fields/tools.js";
import type { Exchange } from "../http/exchange.js";
import { eventText } from "../http/event-stream.js";
import { findModel } from "../models.js";
import type { AnswerJob, AnswerUpdate, Service } from "../service.js";
import { newId } from "./new-id.js";
import { tokenDetails } from "./token-details.js";
import { harmless, readVariables } from "./field-reasons.js";

const table: FieldTable = {
  handled: [
    "model",
    "messages",
    "max_completion_tokens",
    "logprobs",
    "response_format",
    "chat_template_kwargs",
    ...answerFields,
    ...choiceFields,
    ...samplingFields,
    ...toolFields,
  ],
  ignored: [...harmless, "prediction"],
  refused: {
    top_logprobs: {
      because: "weft gives the log-probabilities of the chosen tokens only, by logprobs true; pass 0.",
      unless: (value) => value === 0,
    },
    functions: { because: "it was replaced by tools." },
    function_call: { because: "it was replaced by tool_choice." },
    modalities: {
      because: "weft's models write text only.",
      unless: (value) => JSON.stringify(value) === '["text"]',
    },
    audio: { because: "weft's models write text only." },
    reasoning_effort: {
      because:
        "models differ in how they are told; chat_template_kwargs sets the variables of their template.",
    },
    verbosity: { because: "weft's models have no such setting." },
    web_search_options: { because: "weft does not search the web." },
  },
};

const finishReasons: Readonly<Record<AnswerReason, string>> = {
  stop: "stop",
  length: "length",
  calls: "tool_calls",
  abort: "stop",
};

export async function answerChat(service: Service, exchange: Exchange, fields: Fields): Promise<Response> {
  fields.expectKnown(table);
  const named = findModel(service.models, fields);
  const messages = readMessages(fields);
  const toolsGiven = readTools(fields, false);
  const { tools, ...calls } = toolsGiven;
  const { choices, maxTokens, isStream, includesUsage } = readAnswerFields(fields);
  const wantsDetails = fields.flag("logprobs") ?? false;
  const templateVariables = readVariables(fields);
  const format = readResponseFormat(fields, "response_format");
  const responseFormat = formatBesideTools(fields, "response_format", format, toolsGiven);
  const options = {
    ...readSampling(fields),
    ...readChoiceOptions(fields),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(wantsDetails ? { logProbabilities: true } : {}),
    ...(templateVariables ? { templateVariables } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    toolFormat: service.settings.toolFormat,
    ...calls,
  };
  await service.expectRoom(named, [messages, tools, templateVariables], "messages");
  const conversation = { messages, ...(tools ? { tools } : {}) };
  const jobs = Array.from(
    { length: choices },
    (_, index): AnswerJob =>
      (hooks) =>
        ask(named.model, conversation, { ...optionsOfChoice(options, index), ...hooks }),
  );
  const head = { id: newId("chatcmpl-"), created: Math.floor(Date.now() / 1000), model: named.name };
  const details = wantsDetails ? named.model : undefined;
  const updates = service.write(exchange, named, jobs);
  if (isStream)
    return service.stream(exchange, updates, "messages", (all) =>
      writeChunks({ ...head, choices, includesUsage, details }, all),
    );
  return Response.json(await collect({ ...head, choices, details }, updates));
}

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly choices: number;
  /** The model that tells the texts of tokens, where log-probabilities are asked for. */
  readonly details: ServedModel | undefined;
}

async function* writeChunks(
  { choices, details, includesUsage, ...head }: Head & { readonly includesUsage: boolean },
  updates: AsyncIterable<AnswerUpdate>,
): AsyncGenerator<string, void, undefined> {
  const chunk = (own: readonly object[], usage: Usage | null = null): string =>
    eventText({
      ...head,
      object: "chat.completion.chunk",
      choices: own,
      ...(includesUsage ? { usage } : {}),
    });
  for (let index = 0; index < choices; index++)
    yield chunk(choice(index, { role: "assistant", content: "" }));
  const calls = Array.from({ length: choices }, () => 0);
  const ends: AnswerEnd[] = [];
  for await (const { index, value, isEnd } of updates) {
    if (isEnd) {
      ends.push(value);
      const logprobs = details ? await logProbabilities(details, value) : null;
      yield chunk(choice(index, {}, finishReasons[value.reason], logprobs));
    } else
      for (const part of value)
        yield chunk(choice(index, part.type === "call" ? callDelta(part, calls[index]!++) : deltaOf(part)));
  }
  if (includesUsage) yield chunk([], usageOfAll(ends));
  yield eventText("[DONE]");
}

const choice = (
  index: number,
  delta: object,
  finish: string | null = null,
  logprobs: object | null = null,
): object[] => [{ index, delta, logprobs, finish_reason: finish }];

const deltaOf = ({ type, text }: Exclude<AnswerPart, CallPart>): object =>
  type === "text" ? { content: text } : { reasoning_content: text };

const callDelta = (call: CallPart, index: number): object => ({ tool_calls: [{ index, ...callOf(call) }] });

const callOf = ({ id, name, arguments: given }: CallPart): object => ({
  id,
  type: "function",
  function: { name, arguments: given },
});

async function collect(
  { choices, details, ...head }: Head,
  updates: AsyncIterable<AnswerUpdate>,
): Promise<object> {
  const all = Array.from({ length: choices }, () => ({ text: "", thoughts: "", calls: [] as object[] }));
  const ends = Array.from<AnswerEnd>({ length: choices });
  for await (const { index, value, isEnd } of updates) {
    const own = all[index]!;
    if (isEnd) ends[index] = value;
    else
      for (const part of value) {
        if (part.type === "call") own.calls.push(callOf(part));
        else if (part.type === "text") own.text += part.text;
        else own.thoughts += part.text;
      }
  }
  return {
    ...head,
    object: "chat.completion",
    choices: await Promise.all(
      all.map(async ({ text, thoughts, calls }, index) => ({
        index,
        message: {
          role: "assistant",
          content: text === "" && calls.length > 0 ? null : text,
          refusal: null,
          ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        logprobs: details ? await logProbabilities(details, ends[index]!) : null,
        finish_reason: finishReasons[ends[index]!.reason],
      })),
    ),
    usage: usageOfAll(ends),
  };
}

async function logProbabilities(model: ServedModel, { generation }: AnswerEnd): Promise<object> {
  const details = await tokenDetails(model, generation);
  return { content: details.map((own) => ({ ...own, top_logprobs: [] })), refusal: null };
}

/** All answers are to the same prompt. */
function usageOfAll(ends: readonly AnswerEnd[]): Usage {
  const written = ends.reduce((sum, { generation }) => sum + generation.usage.completionTokens, 0);
  return usageOf(ends[0]!.generation.usage.promptTokens, written);
}
