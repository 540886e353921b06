// Asks a model for an answer in a conversation, with what its chat template says of tools and thoughts.
import { ArgumentError } from "../errors.js";
import type { GenerateOptions } from "../index.js";
import { readAnswer, type AnswerEnd } from "./answer.js";
import type { AnswerPart } from "./answer-part.js";
import { fitTemplate, type Conversation } from "./conversation.js";
import { findToolFormat, formNamed, type ToolFormat } from "./forms/find-form.js";
import type { ServedModel } from "./served-model.js";
import { thoughtsBegin } from "./thoughts.js";

export interface AskOptions extends Omit<GenerateOptions, "tools"> {
  /** How the model writes calls, where its chat template does not say. */
  readonly toolFormat?: ToolFormat | undefined;
  /** How many calls an answer may have. Default: any number. */
  readonly mostCalls?: number | undefined;
  /** Called with every piece of the generation. */
  readonly onPiece?: () => void;
}

/**
 * Begins an answer. Iterate over it for its parts. Throws ArgumentError at once for tools whose calls could not be read; everything
 * else that fails comes from the iteration.
 */
export function ask(
  model: ServedModel,
  conversation: Conversation,
  { toolFormat, mostCalls, onPiece, ...options }: AskOptions,
): AsyncGenerator<readonly AnswerPart[], AnswerEnd, undefined> {
  const template = model.info.chatTemplate;
  const names = (conversation.tools ?? []).map((tool) => tool.function.name);
  const format = names.length > 0 ? (findToolFormat(template) ?? toolFormat) : undefined;
  if (names.length > 0 && !format)
    throw new ArgumentError({
      argument: "tools",
      expected: "a model whose chat template writes calls in a known form",
      received: template === undefined ? "a model without a template" : "a template of another form",
      remedy: "Say by toolFormat how this model writes calls.",
    });
  const form = format === undefined ? undefined : formNamed(format);
  const { messages, tools } = fitTemplate(conversation, template, form);
  const generation = model.chat(messages, {
    ...options,
    ...(tools ? { tools } : {}),
    ...(form?.hasSpecialTokens ? { keepSpecialTokens: true } : {}),
  });
  return readAnswer(generation, {
    // A text that is held to a format has no thoughts in front.
    thoughts: options.responseFormat ? "never" : thoughtsBegin(template, options.templateVariables),
    ...(onPiece ? { onPiece } : {}),
    ...(format ? { tools: { format, names, ...(mostCalls === undefined ? {} : { mostCalls }) } } : {}),
  });
}
