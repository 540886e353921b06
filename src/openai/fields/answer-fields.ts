// How many answers a request asks for, how long they may be, and how they are sent: what chats and completions share.
import type { Fields } from "./fields.js";

export interface AnswerFields {
  readonly choices: number;
  readonly maxTokens: number | undefined;
  readonly isStream: boolean;
  /** Whether a stream ends with a chunk of what was used. */
  readonly includesUsage: boolean;
}

/** As many answers to one prompt as OpenAI gives. */
const MOST_CHOICES = 128;

export const answerFields: readonly string[] = ["n", "max_tokens", "stream", "stream_options"];

/** @throws ApiFailure. */
export function readAnswerFields(fields: Fields): AnswerFields {
  const isStream = fields.flag("stream") ?? false;
  const options = fields.record("stream_options");
  if (options && !isStream)
    throw fields.unsupported("stream_options", "it is for streams only: pass stream true beside it.");
  options?.expectKnown({ handled: ["include_usage"], ignored: ["include_obfuscation"], refused: {} });
  return {
    choices: fields.whole("n", { least: 1, most: MOST_CHOICES }) ?? 1,
    maxTokens:
      fields.whole("max_completion_tokens", { least: 1 }) ?? fields.whole("max_tokens", { least: 1 }),
    isStream,
    includesUsage: options?.flag("include_usage") ?? false,
  };
}

/** Tokens of several answers. A prompt counts once, however many answers it gets. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
