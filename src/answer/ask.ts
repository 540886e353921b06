// Asks a model for an answer in a conversation, with what its chat template says of tools and thoughts.
import { ArgumentError } from "../errors.js";
import type { GenerateOptions } from "../index.js";
import { readAnswer, type AnswerEnd } from "./answer.js";
import type { AnswerPart } from "./answer-part.js";
import { fitTemplate, type Conversation } from "./conversation.js";
import { findToolFormat, formNamed, type ToolFormat } from "./forms/find-form.js";
import { holdCalls, namingTools, type ToolChoice } from "./held-calls.js";
import type { ServedModel } from "./served-model.js";
import { thoughtsBegin } from "./thoughts.js";

export interface AskOptions extends Omit<GenerateOptions, "tools"> {
  /** How the model writes calls, where its chat template does not say. */
  readonly toolFormat?: ToolFormat | undefined;
  /** How many calls an answer may have. Default: any number. */
  readonly mostCalls?: number | undefined;
  /** Default: "auto". */
  readonly toolChoice?: ToolChoice | undefined;
  /** By the names of functions, whether their arguments are held to their schema. Default: where calls have to come they are. */
  readonly strict?: ReadonlyMap<string, boolean> | undefined;
  /** Called with every piece of the generation. */
  readonly onPiece?: () => void;
}

/**
 * Begins an answer. Iterate over it for its parts. Throws ArgumentError at once for tools whose calls could not be read, and for a choice
 * of tools that are not there; everything else that fails comes from the iteration.
 */
export function ask(
  model: ServedModel,
  conversation: Conversation,
  { toolFormat, mostCalls, toolChoice = "auto", strict = new Map(), onPiece, ...options }: AskOptions,
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
  const begin = thoughtsBegin(template, options.templateVariables);
  const held = holdCalls(conversation.tools ?? [], {
    form: form ?? formNamed("object"),
    choice: toolChoice,
    strict,
    isOne: mostCalls === 1,
    template,
    thoughts: begin,
  });
  const { messages, tools } = fitTemplate(conversation, template, form);
  const generation = model.chat(messages, {
    ...options,
    ...(tools ? { tools } : {}),
    // A text that is held has none but those that it is held to.
    ...(form?.hasSpecialTokens || held ? { keepSpecialTokens: true } : {}),
    ...(held ? { responseFormat: held.responseFormat } : {}),
  });
  const counted = mostCalls === undefined ? {} : { mostCalls };
  const answer = readAnswer(generation, {
    // A text that is held to another format has no thoughts in front.
    thoughts: held?.thoughts ?? (options.responseFormat ? "never" : begin),
    ...(onPiece ? { onPiece } : {}),
    ...(format ? { tools: { format, names, ...counted, isHeld: held !== undefined } } : {}),
  });
  return held ? namingTools(answer) : answer;
}
