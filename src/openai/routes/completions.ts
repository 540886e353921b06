// POST /v1/completions: texts that continue prompts, whole or in chunks. platform.openai.com/docs/api-reference/completions
import { readAnswer, type AnswerEnd } from "../../answer/answer.js";
import type { ServedModel } from "../../answer/served-model.js";
import { answerFields, readAnswerFields, usageOf, type Usage } from "../fields/answer-fields.js";
import type { FieldTable, Fields } from "../fields/fields.js";
import { readResponseFormat } from "../fields/response-format.js";
import { readTokenTexts } from "../fields/token-texts.js";
import {
  choiceFields,
  optionsOfChoice,
  readChoiceOptions,
  readSampling,
  samplingFields,
} from "../fields/sampling.js";
import type { Exchange } from "../http/exchange.js";
import { eventText } from "../http/event-stream.js";
import { findModel } from "../models.js";
import type { AnswerJob, AnswerUpdate, Service } from "../service.js";
import { harmless } from "./field-reasons.js";
import { newId } from "./new-id.js";
import { tokenDetails } from "./token-details.js";

const table: FieldTable = {
  handled: [
    "model",
    "prompt",
    "logprobs",
    "response_format",
    ...answerFields,
    ...choiceFields,
    ...samplingFields,
  ],
  ignored: harmless,
  refused: {
    echo: { because: "weft does not send the prompt back.", unless: (value) => value === false },
    suffix: {
      because: "weft's models continue a text, and know nothing of what follows it.",
      unless: (value) => value === "",
    },
    best_of: { because: "weft returns all that it writes: pass n.", unless: (value) => value === 1 },
  },
};

/** OpenAI's default. */
const USUAL_TOKENS = 16;

/** Prompts of a request times their answers. */
const MOST_TEXTS = 256;

export async function answerCompletions(
  service: Service,
  exchange: Exchange,
  fields: Fields,
): Promise<Response> {
  fields.expectKnown(table);
  const named = findModel(service.models, fields);
  const prompts = readTokenTexts(fields, "prompt");
  const { choices, maxTokens = USUAL_TOKENS, isStream, includesUsage } = readAnswerFields(fields);
  if (prompts.length * choices > MOST_TEXTS)
    throw fields.wrong("prompt", `at most ${MOST_TEXTS} texts to be written, prompts times n`);
  const wantsDetails = readLogprobs(fields);
  const responseFormat = readResponseFormat(fields, "response_format");
  const options = {
    ...readSampling(fields),
    ...readChoiceOptions(fields),
    maxTokens,
    ...(responseFormat ? { responseFormat } : {}),
    ...(wantsDetails ? { logProbabilities: true } : {}),
  };
  await service.expectRoom(named, prompts, "prompt");
  const jobs = prompts.flatMap((prompt) =>
    Array.from(
      { length: choices },
      (_, index): AnswerJob =>
        ({ signal, onPiece }) =>
          readAnswer(named.model.generate(prompt, { ...optionsOfChoice(options, index), signal }), {
            thoughts: "never",
            onPiece,
          }),
    ),
  );
  const head: Head = {
    id: newId("cmpl-"),
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: named.name,
  };
  const form: Form = { choices, includesUsage, details: wantsDetails ? named.model : undefined };
  const updates = service.write(exchange, named, jobs);
  if (isStream) return service.stream(exchange, updates, "prompt", (all) => writeChunks(head, form, all));
  return Response.json(await collect(head, form, jobs.length, updates));
}

/** 0 asks for the log-probabilities of the chosen tokens; more, for those of others. @throws ApiFailure. */
function readLogprobs(fields: Fields): boolean {
  const count = fields.whole("logprobs", { least: 0, most: 5 });
  if (count !== undefined && count > 0)
    throw fields.unsupported(
      "logprobs",
      "weft gives the log-probabilities of the chosen tokens only: pass 0 for them.",
    );
  return count !== undefined;
}

interface Head {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
}

interface Form {
  /** Answers to each prompt. */
  readonly choices: number;
  readonly includesUsage: boolean;
  /** The model that tells the texts of tokens, where log-probabilities are asked for. */
  readonly details: ServedModel | undefined;
}

async function* writeChunks(
  head: Head,
  { choices, includesUsage, details }: Form,
  updates: AsyncIterable<AnswerUpdate>,
): AsyncGenerator<string, void, undefined> {
  const ends = new Map<number, AnswerEnd>();
  const chunk = (own: readonly object[], usage: Usage | null = null): string =>
    eventText({ ...head, choices: own, ...(includesUsage ? { usage } : {}) });
  for await (const { index, value, isEnd } of updates) {
    if (isEnd) {
      ends.set(index, value);
      const logprobs = details ? await logProbabilities(details, value) : null;
      yield chunk([{ index, text: "", logprobs, finish_reason: finishReason(value) }]);
    } else
      for (const part of value)
        if (part.type === "text")
          yield chunk([{ index, text: part.text, logprobs: null, finish_reason: null }]);
  }
  if (includesUsage) yield chunk([], usageOfAll(ends, choices));
  yield eventText("[DONE]");
}

async function collect(
  head: Head,
  { choices, details }: Form,
  count: number,
  updates: AsyncIterable<AnswerUpdate>,
): Promise<object> {
  const texts = Array.from({ length: count }, () => "");
  const ends = new Map<number, AnswerEnd>();
  for await (const { index, value, isEnd } of updates) {
    if (isEnd) ends.set(index, value);
    else for (const part of value) if (part.type === "text") texts[index] += part.text;
  }
  return {
    ...head,
    choices: await Promise.all(
      texts.map(async (text, index) => ({
        index,
        text,
        logprobs: details ? await logProbabilities(details, ends.get(index)!) : null,
        finish_reason: finishReason(ends.get(index)!),
      })),
    ),
    usage: usageOfAll(ends, choices),
  };
}

const finishReason = ({ reason }: AnswerEnd): string => (reason === "length" ? "length" : "stop");

/** In the older shape: lists beside each other. */
async function logProbabilities(model: ServedModel, { generation }: AnswerEnd): Promise<object> {
  const details = await tokenDetails(model, generation);
  let offset = 0;
  return {
    tokens: details.map(({ token }) => token),
    token_logprobs: details.map(({ logprob }) => logprob),
    top_logprobs: null,
    text_offset: details.map(({ token }) => {
      const own = offset;
      offset += token.length;
      return own;
    }),
  };
}

/** A prompt counts once, however many answers it gets. */
function usageOfAll(ends: ReadonlyMap<number, AnswerEnd>, choices: number): Usage {
  let [read, written] = [0, 0];
  for (const [index, { generation }] of ends) {
    if (index % choices === 0) read += generation.usage.promptTokens;
    written += generation.usage.completionTokens;
  }
  return usageOf(read, written);
}
