// Probabilities of given answers, by a model that predicts tokens. All answers share the tokens before them: the cache of
// generation computes those once, and so it does with what several answers begin with.
import { ArgumentError } from "../../errors.js";
import type { ChatMessage } from "../../text/chat-template.js";
import type { GenerationHandle } from "../generate/handle.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { isMessages } from "../../util/prompt-list.js";
import { settleAll } from "../../util/settle-all.js";
import { throwIfAborted } from "../../util/signal.js";
import { checkIds, withoutSecondBegin, type Sentence } from "../load/check-input.js";
import { softmax } from "./labels.js";

/** A question about what was said before, and the answers to choose from. */
export interface Question {
  /** What follows the prompt. Default: nothing. */
  readonly question?: string;
  /** At least two, as they would be written behind it: often with a space in front. */
  readonly answers: readonly string[];
}

/** How probable an answer is among those given. */
export interface AnswerScore {
  readonly answer: string;
  /** From 0 to 1. Those of a question add up to 1. */
  readonly probability: number;
  /** The log-probability of the answer's tokens among all texts, in nats. */
  readonly logProbability: number;
}

/** What was decided: the likeliest answer, and all in the order of the call. */
export interface Decision extends AnswerScore {
  readonly scores: readonly AnswerScore[];
}

/** How answers are asked for. */
export interface DecideOptions {
  /** Called as questions are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

export interface DecideCalls {
  readonly contextLength: number;
  readonly beginToken: number | undefined;
  readonly tokenizer: () => Promise<TextTokenizer>;
  readonly encodeMessages: (messages: readonly ChatMessage[]) => Promise<readonly number[]>;
  /** Generates `token` behind these, for its log-probability. */
  readonly force: (tokens: readonly number[], token: number) => GenerationHandle;
}

const optionNames: OptionNames<DecideOptions> = { onProgress: true, signal: true };
const questionNames: OptionNames<Question> = { question: true, answers: true };

export async function decideAnswers(
  calls: DecideCalls,
  prompt: string | readonly ChatMessage[] | Sentence,
  questions: readonly Question[],
  options: DecideOptions,
): Promise<Decision[]> {
  checkOptionNames(options, optionNames);
  const { signal, onProgress } = options;
  checkQuestions(questions);
  throwIfAborted(signal, "Deciding");
  const tokenizer = await calls.tokenizer();
  const encode = await encoderOf(calls, tokenizer, prompt);
  const encoded = questions.map((own, index) => encodeQuestion(own, index, encode, calls.contextLength));
  const running = new Set<GenerationHandle>();
  const stop = (): void => {
    for (const handle of running) handle.cancel();
  };
  signal?.addEventListener("abort", stop, { once: true });
  const logProbabilityOf = async (tokens: readonly number[], token: number): Promise<number> => {
    const handle = calls.force(tokens, token);
    running.add(handle);
    if (signal?.aborted) handle.cancel();
    const { logProbabilities } = await handle;
    running.delete(handle);
    throwIfAborted(signal, "Deciding");
    // Cancelled because another one failed, which is what the caller learns.
    return logProbabilities?.[0] ?? Number.NaN;
  };
  let done = 0;
  let hasFailed = false;
  try {
    const decisions: Decision[] = [];
    await settleAll(
      encoded.map(async (own, index) => {
        try {
          decisions[index] = await decide(logProbabilityOf, questions[index]!.answers, own);
        } catch (error) {
          hasFailed = true;
          stop(); // the others are of no use any more
          throw error;
        }
        if (hasFailed) return;
        onProgress?.({ done: ++done, total: questions.length });
      }),
    ).catch((error: unknown) => {
      throwIfAborted(signal, "Deciding");
      throw error;
    });
    return decisions;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function checkQuestions(questions: readonly Question[]): void {
  if (!Array.isArray(questions) || questions.length === 0) {
    throw new ArgumentError({
      argument: "questions",
      expected: "a non-empty array of { question, answers }",
      received: questions,
      remedy: 'As in model.decide("A review.", [{ question: " Was it good?", answers: [" yes", " no"] }]).',
    });
  }
  for (const [index, own] of (questions as readonly Question[]).entries()) {
    checkOptionNames(own, questionNames, `questions[${index}]`);
    const { question = "", answers } = own;
    const isList = Array.isArray(answers) && answers.length >= 2 && new Set(answers).size === answers.length;
    if (
      typeof question !== "string" ||
      !isList ||
      !answers.every((text) => typeof text === "string" && text !== "")
    )
      throw new ArgumentError({
        argument: `questions[${index}]`,
        expected: "{ question, answers } with at least two different texts as answers",
        received: typeof question === "string" ? answers : question,
      });
  }
}

/** Makes tokens of what follows the prompt: of a text together with it, as tokens may reach over the end of it. */
async function encoderOf(
  calls: DecideCalls,
  tokenizer: TextTokenizer,
  prompt: string | readonly ChatMessage[] | Sentence,
): Promise<(rest: string) => readonly number[]> {
  if (typeof prompt === "string")
    return (rest) => withoutSecondBegin(tokenizer.encode(prompt + rest), calls.beginToken);
  const own = isMessages(prompt) ? await calls.encodeMessages(prompt) : checkIds(prompt, "prompt");
  return (rest) => [...own, ...tokenizer.encode(rest, { addSpecialTokens: false })];
}

interface EncodedQuestion {
  /** What all answers begin with, the prompt among it. */
  readonly shared: readonly number[];
  /** The tokens of each answer behind that. */
  readonly answers: readonly (readonly number[])[];
}

function encodeQuestion(
  { question = "", answers }: Question,
  index: number,
  encode: (rest: string) => readonly number[],
  contextLength: number,
): EncodedQuestion {
  const whole = answers.map((answer) => encode(question + answer));
  const before = encode(question);
  let count = 0;
  const isShared = (at: number): boolean =>
    at < before.length && whole.every((own) => at < own.length - 1 && own[at] === before[at]);
  while (isShared(count)) count++;
  const longest = Math.max(...whole.map(({ length }) => length));
  if (count === 0 || longest > contextLength) {
    throw new ArgumentError({
      argument: count === 0 ? "prompt" : `questions[${index}]`,
      expected:
        count === 0
          ? "at least one token that all answers follow"
          : `at most ${contextLength} tokens with the prompt (the model's context)`,
      received: count === 0 ? question : longest,
      remedy: count === 0 ? "Begin with a text, or with the model's begin token." : "Shorten the prompt.",
    });
  }
  return { shared: whole[0]!.slice(0, count), answers: whole.map((own) => own.slice(count)) };
}

async function decide(
  logProbabilityOf: (tokens: readonly number[], token: number) => Promise<number>,
  answers: readonly string[],
  encoded: EncodedQuestion,
): Promise<Decision> {
  // Answers may begin alike: the same token behind the same tokens is asked for once.
  const known = new Map<string, Promise<number>>();
  const of = async (own: readonly number[], at: number): Promise<number> => {
    const key = own.slice(0, at + 1).join();
    let value = known.get(key);
    if (!value)
      known.set(key, (value = logProbabilityOf([...encoded.shared, ...own.slice(0, at)], own[at]!)));
    return value;
  };
  const sums = encoded.answers.map(() => 0);
  await settleAll(
    encoded.answers.map(async (own, answer) => {
      const values = await Promise.all(own.map(async (_, at) => of(own, at)));
      sums[answer] = values.reduce((sum, value) => sum + value, 0);
    }),
  );
  const probabilities = softmax(sums);
  const scores = answers.map((answer, index): AnswerScore => ({
    answer,
    probability: probabilities[index]!,
    logProbability: sums[index]!,
  }));
  const best = scores.reduce((most, own) => (own.probability > most.probability ? own : most));
  return { ...best, scores };
}
