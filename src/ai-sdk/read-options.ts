// The options of a call of the AI SDK as weft's, with warnings for what weft cannot do.
import type { AskOptions } from "../answer/ask.js";
import type { Conversation, ToolDefinition } from "../answer/conversation.js";
import type { ToolChoice } from "../answer/held-calls.js";
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
  const given = readTools(call, unsupported);
  const choice = readChoice(call);
  if (choice !== undefined && !given)
    unsupported(`toolChoice ${call.toolChoice!.type}`, "there is no function that could be called.");
  const toolChoice = given && choice;
  const format = readFormat(call);
  // A call has a form of its own. Where the answer has to be a call, there is no text that a format could be for.
  const responseFormat = toolChoice === undefined ? format : undefined;
  const tools = responseFormat ? undefined : given;
  if (responseFormat && given)
    unsupported("tools beside responseFormat", "an answer that is held to a format calls no tools.");
  return {
    conversation: { messages: messagesOf(call.prompt), ...(tools ? { tools } : {}) },
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
      toolChoice,
      strict: tools && readStrict(call),
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
  return functions.length === 0 || toolChoice?.type === "none" ? undefined : functions;
}

/** Undefined where it is the model's choice. */
function readChoice({ toolChoice }: CallOptions): ToolChoice | undefined {
  if (toolChoice?.type === "required") return "required";
  return toolChoice?.type === "tool" ? { name: toolChoice.toolName ?? "" } : undefined;
}

/** Which functions say whether their arguments are held to their schema. */
function readStrict({ tools = [] }: CallOptions): ReadonlyMap<string, boolean> | undefined {
  const said = (tools as readonly (Readonly<Record<string, unknown>> & { readonly name: string })[]).flatMap(
    ({ name, strict }) => (typeof strict === "boolean" ? [[name, strict] as const] : []),
  );
  return said.length === 0 ? undefined : new Map(said);
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
