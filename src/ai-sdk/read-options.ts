// The options of a call of the AI SDK as weft's, with warnings for what weft cannot do.
import type { AskOptions } from "../answer/ask.js";
import type { Conversation, ToolDefinition } from "../answer/conversation.js";
import type { GenerateOptions, ResponseFormat } from "../index.js";
import { isRecord } from "../util/json-value.js";
import { messagesOf } from "./prompt.js";
import type { CallOptions, Warning } from "./specification.js";

export interface ReadOptions {
  readonly conversation: Conversation;
  readonly options: AskOptions;
  readonly warnings: Warning[];
}

/** What `providerOptions.weft` may have beside. */
type OwnOptions = Pick<
  GenerateOptions,
  "minP" | "repetitionPenalty" | "minTokens" | "noRepeatSize" | "templateVariables" | "priority"
>;

const ownNames: readonly (keyof OwnOptions)[] = [
  "minP",
  "repetitionPenalty",
  "minTokens",
  "noRepeatSize",
  "templateVariables",
  "priority",
];

/** @throws ArgumentError for a prompt that is not of texts. */
export function readOptions(call: CallOptions): ReadOptions {
  const warnings: Warning[] = [];
  const unsupported = (feature: string, details: string): void => {
    warnings.push({ type: "unsupported", feature, details });
  };
  if (call.reasoning !== undefined && call.reasoning !== "provider-default")
    unsupported(
      "reasoning",
      "providerOptions.weft.templateVariables sets the variables of the model's template.",
    );
  const tools = readTools(call, unsupported);
  const responseFormat = readFormat(call);
  // A call has a form of its own.
  if (responseFormat && tools)
    unsupported("tools beside responseFormat", "an answer that is held to a format calls no tools.");
  return {
    conversation: { messages: messagesOf(call.prompt), ...(tools && !responseFormat ? { tools } : {}) },
    options: withoutUndefined({
      maxTokens: call.maxOutputTokens,
      temperature: call.temperature,
      topP: call.topP,
      topK: call.topK,
      presencePenalty: call.presencePenalty,
      frequencyPenalty: call.frequencyPenalty,
      seed: call.seed,
      stop: call.stopSequences?.length ? call.stopSequences : undefined,
      responseFormat,
      ...readOwn(call, unsupported),
    }),
    warnings,
  };
}

function readFormat({ responseFormat }: CallOptions): ResponseFormat | undefined {
  if (responseFormat?.type !== "json") return undefined;
  const { schema } = responseFormat;
  return isRecord(schema) ? { type: "json_schema", schema } : { type: "json_object" };
}

function readTools(
  { tools = [], toolChoice }: CallOptions,
  unsupported: (feature: string, details: string) => void,
): readonly ToolDefinition[] | undefined {
  const type = toolChoice?.type ?? "auto";
  if (type === "required" || type === "tool")
    unsupported(`toolChoice ${type}`, "weft can't hold a model to calling yet: it is free to.");
  const functions = tools.flatMap((tool): readonly ToolDefinition[] => {
    const { name, description, inputSchema } = tool as typeof tool & Readonly<Record<string, unknown>>;
    if (tool.type !== "function") {
      unsupported(`tool ${name}`, "weft has tools of the type function only.");
      return [];
    }
    return [
      {
        type: "function",
        function: {
          name,
          ...(typeof description === "string" ? { description } : {}),
          parameters: inputSchema ?? { type: "object", properties: {} },
        },
      },
    ];
  });
  return functions.length === 0 || type === "none" ? undefined : functions;
}

function readOwn(
  { providerOptions }: CallOptions,
  unsupported: (feature: string, details: string) => void,
): OwnOptions {
  const own = providerOptions?.["weft"];
  if (!isRecord(own)) return {};
  for (const name of Object.keys(own))
    if (!ownNames.includes(name as keyof OwnOptions))
      unsupported(`providerOptions.weft.${name}`, `There are ${ownNames.join(", ")}.`);
  return Object.fromEntries(
    Object.entries(own).filter(([name]) => ownNames.includes(name as keyof OwnOptions)),
  );
}

function withoutUndefined<O extends object>(options: { readonly [K in keyof O]: O[K] | undefined }): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}
