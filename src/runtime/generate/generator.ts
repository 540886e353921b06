// Generation over all queues of a model: checks requests, prepares prompts, and gives each request to a suitable queue.
import { ArgumentError, DisposedError, FetchError } from "../../errors.js";
import type { ChatMessage, ChatOptions } from "../../text/chat-template.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { loadPart } from "../../util/load-part.js";
import { isMessages } from "../../util/prompt-list.js";
import type { Constraints } from "../../text/grammar/constraints.js";
import type { ResponseFormat } from "../../text/grammar/response-format.js";
import { GenerationBatch, GenerationHandle, type Generation } from "./handle.js";
import { GenerationEngine, type EngineOptions } from "./engine.js";
import type { GenerationDefaults } from "./defaults.js";
import type { GenerationStep } from "./step.js";
import { GenerationRun, type TokenConstraint } from "./request.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { Recovery } from "../load/recovery.js";
import {
  checkIds,
  checkSentence,
  needsTokenizer,
  withoutSecondBegin,
  type Sentence,
} from "../load/check-input.js";
import { checkChoice, checkWhole } from "../../util/check.js";
import { checkOptionNames, type OptionNames } from "../../util/option-names.js";
import { checkSampling, type SamplingOptions } from "./sampling.js";
import type { ModelStats } from "./stats.js";

/** A text, its token ids, or the messages of a conversation. */
export type Prompt = string | Sentence | readonly ChatMessage[];

/** How a text is generated and where it ends. Defaults come from the model's generation_config.json. */
export interface GenerateOptions extends SamplingOptions, ChatOptions {
  /** The most tokens to generate. Default: as the model's file says, or as many as the context allows. */
  readonly maxTokens?: number;
  /** Text that ends generation. It is not part of the result. */
  readonly stop?: string | readonly string[];
  /** Ids that end generation, instead of the model's end tokens. */
  readonly stopTokens?: readonly number[];
  /**
   * Whether what reads like a special token in a prompt that is a text, such as "<|end|>", is that token or mere text, as it should
   * be in what strangers write. Default: "tokens". Messages are written by the model's template, whose tokens are tokens.
   */
  readonly specialTokens?: "tokens" | "text";
  /**
   * Whether special tokens that do not end the text are part of it, such as "[TOOL_CALLS]", by which some models begin a call.
   * Default: false.
   */
  readonly keepSpecialTokens?: boolean;
  /** Requests of higher priority are admitted first. Default: 0. */
  readonly priority?: number;
  /**
   * What the text must be like, such as `{ type: "json_schema", schema }`. Only tokens are chosen with which it still can be, so that
   * what ends by itself is so. If it ends by its length, it is the beginning of such a text. What of a schema can't be held is refused
   * by name. The library for it, 1 MB of WebAssembly, is loaded when it is first asked for; a page's Content Security Policy has to allow
   * `wasm-unsafe-eval`.
   */
  readonly responseFormat?: ResponseFormat;
  /**
   * Whether the text is complete within `maxTokens`: tokens after which it could no longer be are not chosen, so that it is valid
   * whenever it ends, and `finishReason` is "stop". Needs `responseFormat`. Default: false; a text that `maxTokens` ends is a
   * beginning then that can be completed.
   */
  readonly finishInBudget?: boolean;
  /** Also return the log-probability of every token. */
  readonly logProbabilities?: boolean;
  /** Aborting ends generation with the finish reason "abort". */
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<GenerateOptions> = {
  maxTokens: true,
  stop: true,
  stopTokens: true,
  specialTokens: true,
  keepSpecialTokens: true,
  tools: true,
  templateVariables: true,
  priority: true,
  responseFormat: true,
  finishInBudget: true,
  logProbabilities: true,
  signal: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
  logitBias: true,
  banned: true,
  noRepeatSize: true,
  minTokens: true,
  seed: true,
};

/** Makes any token the likeliest. Log-probabilities are those without biases. */
const MOST_BIAS = 1e4;

/** One token, whatever the model's own settings are. */
const plainSampling: GenerateOptions = {
  temperature: 0,
  maxTokens: 1,
  logProbabilities: true,
  stopTokens: [],
  stop: [],
  banned: [],
  noRepeatSize: 0,
  minTokens: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
};

/** How prompts become ids. */
export interface PromptEncoder {
  tokenizer(): Promise<TextTokenizer> | undefined;
  encodeMessages(messages: readonly ChatMessage[], options: ChatOptions): Promise<number[]>;
}

export class Generator {
  readonly #model: LoadedModel;
  readonly #defaults: GenerationDefaults;
  readonly #encoder: PromptEncoder;
  readonly #recovery: Pick<Recovery, "covers" | "usable">;
  readonly #options: EngineOptions;
  #engines: readonly GenerationEngine[];
  /** Counters of engines whose queues were lost. */
  #past: readonly ModelStats[] = [];
  readonly #live = new Set<Promise<unknown>>();
  readonly #watchers = new Set<(step: GenerationStep) => void>();
  #constraints: Promise<Constraints> | undefined;
  #lastId = 0;
  #lastForcedId = 0;

  constructor(
    model: LoadedModel,
    defaults: GenerationDefaults,
    encoder: PromptEncoder,
    recovery: Pick<Recovery, "covers" | "usable">,
    options: EngineOptions,
  ) {
    this.#model = model;
    this.#defaults = defaults;
    this.#encoder = encoder;
    this.#recovery = recovery;
    this.#options = options;
    this.#engines = this.#open();
  }

  /** Works on the model's queues as they are now. Requests on the earlier ones have learnt that those failed. */
  reopen(): void {
    for (const engine of this.#engines) {
      engine.dispose(new DisposedError("The queue", "generation"));
      const idle = {
        running: 0,
        waiting: 0,
        cachePages: 0,
        freePages: 0,
        windowPages: 0,
        freeWindowPages: 0,
      };
      this.#past = [...this.#past, { ...engine.stats, ...idle }];
    }
    this.#engines = this.#open();
  }

  #open(): readonly GenerationEngine[] {
    return this.#model.replicas.map((replica, queue) => {
      const onStep = (step: Omit<GenerationStep, "queue">): void => {
        for (const watcher of this.#watchers) this.#tell(watcher, { queue, ...step });
      };
      return new GenerationEngine(replica, this.#model.shape, { ...this.#options, onStep });
    });
  }

  /** Counters, summed over the queues. */
  get stats(): ModelStats {
    const [first, ...others] = this.#engines.map((engine) => engine.stats);
    return [...others, ...this.#past].reduce(
      (sum, own) =>
        Object.fromEntries(
          Object.entries(sum).map(([key, value]) => [key, value + own[key as keyof ModelStats]]),
        ) as unknown as ModelStats,
      first!,
    );
  }

  /** Everything that is running or waiting. */
  get live(): ReadonlySet<Promise<unknown>> {
    return this.#live;
  }

  generate(prompt: Prompt, options: GenerateOptions): GenerationHandle {
    return this.#begin(++this.#lastId, prompt, options);
  }

  #begin(id: number, prompt: Prompt, options: GenerateOptions): GenerationHandle {
    const cancelled = new AbortController();
    const handle = new GenerationHandle(
      id,
      (emit) => this.#run(id, prompt, options, cancelled.signal, emit),
      () => cancelled.abort(),
    );
    const settled = handle.then(
      () => undefined,
      () => undefined,
    );
    this.#live.add(settled);
    void settled.then(() => this.#live.delete(settled));
    return handle;
  }

  generateAll(prompts: readonly Prompt[], options: GenerateOptions): GenerationBatch {
    return new GenerationBatch(prompts.map((prompt) => this.generate(prompt, options)));
  }

  /**
   * Asks for `token` behind these tokens, with its log-probability. It is a request like any other: what the tokens begin with is
   * shared with others, and computed once. Its id is below 0, as those of the handles that callers hold are counted.
   */
  force(tokens: readonly number[], token: number): GenerationHandle {
    return this.#begin(--this.#lastForcedId, tokens, { ...plainSampling, logitBias: { [token]: MOST_BIAS } });
  }

  /** Calls `watcher` after every step from now on. Returns a function that ends this. */
  watch(watcher: (step: GenerationStep) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** A watcher that throws is not called again; its error is reported as that of an event listener is, and ends no request. */
  #tell(watcher: (step: GenerationStep) => void, step: GenerationStep): void {
    try {
      watcher(step);
    } catch (error) {
      this.#watchers.delete(watcher);
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Call it when the weights have changed: later requests must not use keys and values that were computed before. */
  forgetShared(): void {
    for (const engine of this.#engines) engine.forgetShared();
  }

  dispose(): void {
    const error = new DisposedError("The model", "generation");
    for (const engine of this.#engines) engine.dispose(error);
  }

  async #run(
    id: number,
    prompt: Prompt,
    options: GenerateOptions,
    cancelled: AbortSignal,
    emit: (piece: string) => void,
  ): Promise<Generation> {
    const calledMs = performance.now();
    checkOptionNames(options, optionNames);
    const { config } = this.#model;
    const sampling = checkSampling(options, this.#defaults.sampling, config.vocabularySize);
    const given = checkStops(options.stop);
    const stopTokens = this.#checkStopTokens(options.stopTokens);
    const priority = checkWhole("priority", options.priority, 0, {
      least: -1e6,
      most: 1e6,
      remedy: "Requests of higher priority are admitted first; 0 is usual.",
    });
    const tokenizer = await this.#encoder.tokenizer();
    if (given.length > 0 && !tokenizer) throw needsTokenizer("stop");
    const stops = options.stop === undefined && tokenizer ? this.#defaults.stops : given;
    const ids = await this.#encodePrompt(prompt, tokenizer, options);
    const room = this.#mostTokens - ids.length;
    const { maxLength = config.contextLength } = this.#defaults;
    const usual = this.#defaults.maxTokens ?? Math.max(1, maxLength - ids.length);
    const maxTokens = checkWhole("maxTokens", options.maxTokens, usual, {
      least: 1,
      remedy: "It is the most tokens to generate; leave it out for as many as the context allows.",
    });
    const { responseFormat, finishInBudget = false } = options;
    if (finishInBudget && !responseFormat)
      throw new ArgumentError({
        argument: "finishInBudget",
        expected: "a responseFormat beside it, as any other text may end anywhere",
        received: finishInBudget,
      });
    const most = Math.min(maxTokens, room);
    const budget = finishInBudget ? most : undefined;
    const constraint =
      responseFormat && (await this.#constrain(responseFormat, tokenizer, stopTokens, budget));
    const run: GenerationRun = new GenerationRun({
      id,
      prompt: ids,
      sampling,
      priority,
      maxTokens: most,
      stopTokens,
      stops,
      tokenizer,
      constraint,
      finishesInBudget: finishInBudget,
      keepsSpecialTokens: options.keepSpecialTokens ?? false,
      calledMs,
      emit,
      survives: (error) =>
        this.#survives(error, { prepared: () => run.prepared, submit, fail: (reason) => run.fail(reason) }),
    });
    let removeFromQueue: (() => void) | undefined;
    const submit = (): void => {
      if (!run.isEnded) removeFromQueue = this.#engineFor([...ids, ...run.generated]).add(run);
    };
    const signals = [cancelled, ...(options.signal ? [options.signal] : [])];
    if (signals.some(({ aborted }) => aborted)) {
      run.end("abort");
      return run.result;
    }
    const failure = this.#model.replicas.find(({ queue }) => queue.failure)?.queue.failure;
    // It may have failed while the prompt was encoded.
    if (failure) run.onError(failure);
    else submit();
    const abort = (): void => {
      removeFromQueue?.();
      run.end("abort");
    };
    for (const signal of signals) signal.addEventListener("abort", abort, { once: true });
    try {
      return await run.result;
    } finally {
      for (const signal of signals) signal.removeEventListener("abort", abort);
    }
  }

  /** What a text is held to. The library is loaded by the first that asks for it. */
  async #constrain(
    format: ResponseFormat,
    tokenizer: TextTokenizer | undefined,
    stopTokens: ReadonlySet<number>,
    budget: number | undefined,
  ): Promise<TokenConstraint> {
    if (!tokenizer) throw needsTokenizer("responseFormat");
    const { textFiles, config } = this.#model;
    this.#constraints ??= loadPart(import("../../text/grammar/constraints.js")).then(
      ({ Constraints: Own }) => new Own(textFiles.tokenizer as object, config.vocabularySize),
    );
    try {
      return await (await this.#constraints).make(format, [...stopTokens], budget);
    } catch (error) {
      // It may be there the next time.
      if (error instanceof FetchError) this.#constraints = undefined;
      throw error;
    }
  }

  /** Submits a request again when the model has recovered from an error, if it does. */
  #survives(
    error: unknown,
    request: {
      readonly prepared: () => unknown;
      readonly submit: () => void;
      readonly fail: (reason: unknown) => void;
    },
  ): boolean {
    if (!this.#recovery.covers(error)) return false;
    // A text that is held to a format may still be finding out which token may come next.
    void this.#recovery.usable().then(request.prepared).then(request.submit).catch(request.fail);
    return true;
  }

  /** Returns the queue whose cache has most of the prompt, and of several such queues the one with least to do. */
  #engineFor(prompt: readonly number[]): GenerationEngine {
    let best = this.#engines[0]!;
    for (const engine of this.#engines.slice(1)) {
      const gain = engine.cachedTokens(prompt) - best.cachedTokens(prompt);
      if (gain > 0 || (gain === 0 && engine.load < best.load)) best = engine;
    }
    return best;
  }

  /** The most tokens that prompt and text may have together. */
  get #mostTokens(): number {
    return Math.min(...this.#engines.map(({ mostTokens }) => mostTokens));
  }

  async #encodePrompt(
    prompt: Prompt,
    tokenizer: TextTokenizer | undefined,
    options: GenerateOptions,
  ): Promise<number[]> {
    const { config } = this.#model;
    let ids: readonly number[] | Uint32Array;
    if (typeof prompt === "string") {
      if (!tokenizer) throw needsTokenizer("prompt");
      const specialTokens = checkChoice("specialTokens", options.specialTokens, "tokens", ["tokens", "text"]);
      const own = tokenizer.encode(prompt, { specialTokens });
      ids = withoutSecondBegin(own, config.beginToken);
    } else if (isMessages(prompt)) ids = await this.#encoder.encodeMessages(prompt, options);
    else ids = checkIds(prompt, "prompt");
    const most = this.#mostTokens;
    if (ids.length === 0 || ids.length >= most) {
      const bound = most === config.contextLength ? "the context" : "a binding of this adapter";
      throw new ArgumentError({
        argument: "prompt",
        expected: `1 to ${most - 1} tokens, so that ${bound} of ${most} has room for one more`,
        received: ids.length,
        remedy: ids.length === 0 ? "Pass at least the model's begin token." : "Shorten the prompt.",
      });
    }
    return [
      ...checkSentence(ids, "prompt", {
        contextLength: config.contextLength,
        vocabulary: config.vocabularySize,
      }),
    ];
  }

  #checkStopTokens(given: readonly number[] | undefined): ReadonlySet<number> {
    if (given === undefined) return this.#defaults.stopTokens;
    const { vocabularySize } = this.#model.config;
    if (!Array.isArray(given)) {
      throw new ArgumentError({
        argument: "stopTokens",
        expected: "an array of token ids",
        received: given,
        remedy: "Leave it out for the model's end token; pass [] for none.",
      });
    }
    for (const [index, id] of given.entries())
      checkWhole(`stopTokens[${index}]`, id ?? Number.NaN, 0, {
        least: 0,
        most: vocabularySize - 1,
        remedy: "The ids may come from another model's tokenizer.",
      });
    return new Set(given);
  }
}

function checkStops(stop: string | readonly string[] | undefined): readonly string[] {
  const stops: unknown[] = stop === undefined ? [] : [stop].flat();
  if (stops.every((text): text is string => typeof text === "string" && text !== "")) return stops;
  throw new ArgumentError({
    argument: "stop",
    expected: "a non-empty text or several",
    received: stop,
    remedy: "Leave it out where only the end token ends the text.",
  });
}
