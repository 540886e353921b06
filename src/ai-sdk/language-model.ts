// A model as a language model of the AI SDK: an answer whole, or as a stream of parts.
import { ask } from "../answer/ask.js";
import type { AnswerEnd, AnswerReason } from "../answer/answer.js";
import type { AnswerPart } from "../answer/answer-part.js";
import type { ToolFormat } from "../answer/forms/find-form.js";
import type { NamedModel } from "../answer/named-models.js";
import { readOptions } from "./read-options.js";
import type {
  CallOptions,
  Content,
  FinishReason,
  GenerateResult,
  Specification,
  StreamPart,
  Usage,
  WeftLanguageModel,
} from "./specification.js";

type Answer = AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined>;

interface Begun {
  readonly answer: Answer;
  readonly warnings: GenerateResult["warnings"];
  /** Ends the generation at once. */
  readonly stop: () => void;
}

const reasons: Readonly<Record<AnswerReason, FinishReason["unified"]>> = {
  stop: "stop",
  length: "length",
  calls: "tool-calls",
  abort: "stop",
};

export function languageModel<Version extends Specification>(
  { name, model }: NamedModel,
  specificationVersion: Version,
  toolFormat: ToolFormat | undefined,
): WeftLanguageModel<Version> {
  const begin = (call: CallOptions): Begun => {
    call.abortSignal?.throwIfAborted();
    const { conversation, options, warnings } = readOptions(call);
    const stopping = new AbortController();
    const signal = AbortSignal.any([stopping.signal, ...(call.abortSignal ? [call.abortSignal] : [])]);
    return {
      answer: ask(model, conversation, { ...options, toolFormat, signal }),
      warnings,
      stop: () => stopping.abort(),
    };
  };
  return {
    specificationVersion,
    provider: "weft",
    modelId: name,
    supportedUrls: {},

    async doGenerate(call) {
      const { answer, warnings } = begin(call);
      const content: Content[] = [];
      for (;;) {
        const { done, value } = await answer.next();
        if (done) {
          expectWhole(value, call);
          return { content, ...endOf(value), warnings, response: { timestamp: new Date(), modelId: name } };
        }
        for (const part of value) addContent(content, part);
      }
    },

    async doStream(call) {
      const { answer, warnings, stop } = begin(call);
      // What fails before the first token rejects; what fails later breaks the stream off.
      const first = await answer.next();
      const parts = streamParts(first, answer, call, [
        { type: "stream-start", warnings },
        { type: "response-metadata", timestamp: new Date(), modelId: name },
      ]);
      return {
        stream: new ReadableStream<StreamPart>({
          async pull(controller) {
            const { done, value } = await parts.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: stop,
        }),
      };
    },
  };
}

async function* streamParts(
  first: IteratorResult<readonly AnswerPart[], AnswerEnd>,
  answer: Answer,
  call: CallOptions,
  head: readonly StreamPart[],
): AsyncGenerator<StreamPart, void, undefined> {
  yield* head;
  let count = 0;
  let open: { readonly type: "text" | "reasoning"; readonly id: string } | undefined;
  const close = (): StreamPart[] => {
    const ended: StreamPart[] = open ? [{ type: `${open.type}-end`, id: open.id }] : [];
    open = undefined;
    return ended;
  };
  let step = first;
  for (; !step.done; step = await answer.next())
    for (const part of step.value) {
      if (part.type === "call") {
        yield* close();
        yield { type: "tool-input-start", id: part.id, toolName: part.name };
        yield { type: "tool-input-delta", id: part.id, delta: part.arguments };
        yield { type: "tool-input-end", id: part.id };
        yield toolCall(part);
        continue;
      }
      if (open?.type !== part.type) {
        yield* close();
        open = { type: part.type, id: String(count++) };
        yield { type: `${part.type}-start`, id: open.id };
      }
      yield { type: `${part.type}-delta`, id: open.id, delta: part.text };
    }
  expectWhole(step.value, call);
  yield* close();
  yield { type: "finish", ...endOf(step.value) };
}

/** Callers know an answer that they have ended by the error of their signal. */
function expectWhole({ reason }: AnswerEnd, { abortSignal }: CallOptions): void {
  if (reason === "abort") abortSignal?.throwIfAborted();
}

function addContent(content: Content[], part: AnswerPart): void {
  const last = content.at(-1);
  if (part.type === "call") content.push(toolCall(part));
  else if (last?.type === part.type) last.text += part.text;
  else content.push({ type: part.type, text: part.text });
}

const toolCall = ({
  id,
  name,
  arguments: input,
}: AnswerPart & { readonly type: "call" }): Content & {
  readonly type: "tool-call";
} => ({ type: "tool-call", toolCallId: id, toolName: name, input });

function endOf({ generation, reason }: AnswerEnd): {
  readonly finishReason: FinishReason;
  readonly usage: Usage;
} {
  const { promptTokens, completionTokens } = generation.usage;
  return {
    finishReason: { unified: reasons[reason], raw: generation.finishReason },
    usage: {
      inputTokens: { total: promptTokens, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: completionTokens, text: undefined, reasoning: undefined },
    },
  };
}
