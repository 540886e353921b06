// Holds answers to calls of tools: a grammar of what a model may write, from the form of its calls and the schemas of the functions. Where
// calls are free to come, what begins one has to be one; where they have to, an answer is nothing but calls, behind its thoughts.
import { ArgumentError } from "../errors.js";
import type { ResponseFormat } from "../index.js";
import { characterBut, grammarLiteral } from "../util/grammar-literal.js";
import { isRecord } from "../util/json-value.js";
import type { ToolDefinition } from "./conversation.js";
import type { CallForm } from "./forms/call-form.js";
import type { ThoughtsBegin } from "./thoughts.js";

/** Whether an answer calls functions: as the model likes, in any case, or in any case this one, once. */
export type ToolChoice = "auto" | "required" | { readonly name: string };

export interface HoldOptions {
  readonly form: CallForm;
  readonly choice: ToolChoice;
  /**
   * By the names of functions, whether their arguments are held to their schema, or else to being a JSON object. Default: where calls
   * have to come they are. Where they are free to come, nothing is held unless a function is named here.
   */
  readonly strict: ReadonlyMap<string, boolean>;
  /** Whether there may be one call only. */
  readonly isOne: boolean;
  readonly template: string | undefined;
  readonly thoughts: ThoughtsBegin;
}

export interface HeldCalls {
  readonly responseFormat: ResponseFormat;
  /** Where thoughts begin, which a template that knows none has not. */
  readonly thoughts: ThoughtsBegin;
}

const GAP = "[ \\n\\t\\r]*";
const gapSigns = [" ", "\n", "\t", "\r"];
const OPEN_THOUGHTS = "<think>";
const CLOSE_THOUGHTS = "</think>";

/** Undefined where nothing is to be held. @throws ArgumentError for a choice of what there is not, and for arguments that are no object. */
export function holdCalls(tools: readonly ToolDefinition[], options: HoldOptions): HeldCalls | undefined {
  const { form, choice, strict, template } = options;
  const isForced = choice !== "auto";
  if (!isForced && !tools.some(({ function: { name } }) => strict.get(name))) return undefined;
  const schemas: Record<string, object> = {};
  const functions = tools.flatMap(({ function: { name, parameters } }, index) => {
    if (typeof choice === "object" && choice.name !== name) return [];
    const rule = `arguments${index}`;
    schemas[rule] =
      (strict.get(name) ?? isForced)
        ? schemaOf(parameters, `tools[${index}].function.parameters`)
        : { type: "object" };
    return [{ name, rule }];
  });
  if (functions.length === 0)
    throw new ArgumentError({
      argument: "toolChoice",
      expected: tools.length === 0 ? "tools beside it" : "the name of a tool that is given",
      received: typeof choice === "object" ? choice.name : choice,
    });
  const isOne = options.isOne || typeof choice === "object";
  const { opening, rules, specialTokens } = form.hold(functions, isOne, template);
  const thoughts = template?.includes(OPEN_THOUGHTS) ? options.thoughts : "never";
  // White space in front of a call is the model's way to put it off.
  const own = isForced ? ["answer ::= [ \\n]{0,2} calls"] : textRules(form, opening, isOne, thoughts);
  return {
    thoughts,
    responseFormat: {
      type: "grammar",
      grammar: [`root ::= ${thoughtsInFront[thoughts]}answer`, THOUGHTS, ...own, ...rules].join("\n"),
      schemas,
      specialTokens: [...specialTokens, OPEN_THOUGHTS, CLOSE_THOUGHTS],
    },
  };
}

/** Anything up to the tag that closes them. */
const THOUGHTS = `thoughts ::= TagDispatch(stop_eos=false, stop_str=("${CLOSE_THOUGHTS}"), loop_after_dispatch=false)`;

const thoughtsInFront: Readonly<Record<ThoughtsBegin, string>> = {
  never: "",
  "at-once": "thoughts ",
  "with-tag": `("${OPEN_THOUGHTS}" thoughts)? `,
};

/** The rule "answer" of a text with calls in it, if the model likes. */
function textRules(
  { holdsBare }: CallForm,
  opening: string,
  isOne: boolean,
  thoughts: ThoughtsBegin,
): string[] {
  // Behind calls that may be bare, others would be taken for calls too: there, they are the end.
  const isLast = isOne || holdsBare;
  const text = `text ::= TagDispatch((${grammarLiteral(opening)}, opened), stop_eos=true, stop_str=(), loop_after_dispatch=${!isLast})`;
  if (!holdsBare) return ["answer ::= text", text];
  const reserved = thoughts === "with-tag" ? [opening, OPEN_THOUGHTS] : [opening];
  const others = [
    `${grammarLiteral(opening)} opened`,
    ...startsBut(reserved, "{").map((own) => `${own} text`),
  ];
  return [`answer ::= ${GAP} (calls | ${others.join(" | ")})`, text];
}

/** How texts begin that begin with none of `texts` nor with `sign` or white space: alternatives of a rule. */
function startsBut(texts: readonly string[], sign: string): string[] {
  const prefixes = new Set(texts.flatMap((text) => Array.from(text, (_, end) => text.slice(0, end))));
  return [...prefixes].map((prefix) => {
    const next = texts.filter((text) => text.startsWith(prefix)).map((text) => text[prefix.length]!);
    const other = prefix === "" ? [sign, ...gapSigns] : texts.map((text) => text[0]!);
    return `${prefix === "" ? "" : `${grammarLiteral(prefix)} `}${characterBut([...next, ...other])}`;
  });
}

/** The schema of arguments, which are an object. A function that names no parameters takes none. */
function schemaOf(parameters: unknown, argument: string): object {
  const schema = parameters ?? { type: "object" };
  const wrong = (received: unknown): ArgumentError =>
    new ArgumentError({
      argument,
      expected: 'a JSON schema of the type "object"',
      received,
      remedy: "Arguments have names, which the properties of an object are.",
    });
  if (!isRecord(schema)) throw wrong(schema);
  const { type = "object", properties = {}, additionalProperties } = schema;
  if (type !== "object") throw wrong(type);
  const isEmpty = isRecord(properties) && Object.keys(properties).length === 0;
  return {
    ...schema,
    type,
    ...(isEmpty && additionalProperties === undefined ? { additionalProperties: false } : {}),
  };
}

/** The answer, whose errors say of tools what they would say of the grammar that was made of them. */
export async function* namingTools<T, R>(
  answer: AsyncGenerator<T, R, undefined>,
): AsyncGenerator<T, R, undefined> {
  try {
    return yield* answer;
  } catch (error) {
    // By its name: it may come from a worker, or from another bundle.
    if (error instanceof Error && error.name === "ArgumentError") rename(error as ArgumentError);
    throw error;
  }
}

function rename(error: ArgumentError): void {
  const [own, index] = /^responseFormat(?:\.schemas\.arguments(\d+))?/.exec(error.argument) ?? [];
  if (own === undefined) return;
  const argument = `${index === undefined ? "tools" : `tools[${index}].function.parameters`}${error.argument.slice(own.length)}`;
  const remedy = index === undefined ? "" : " With strict false, arguments are held to being an object only.";
  const message = `${error.message.replace(error.argument, () => argument)}${remedy}`;
  Object.assign(error, { argument, message });
}
