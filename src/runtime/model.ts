// The public Model: a language model with its weights on one or several queues.
import { DisposedError } from "../errors.js";
import { countTokens } from "../text/count-tokens.js";
import type { ChatMessage, ChatOptions } from "../text/chat-template.js";
import { isPromptList } from "../util/prompt-list.js";
import type { ModelSource } from "../files/source.js";
import type { EngineOptions } from "./generate/engine.js";
import { checkEngineOptions } from "./generate/engine-options.js";
import type { GenerationBatch, GenerationHandle } from "./generate/handle.js";
import type { GenerationStep } from "./generate/step.js";
import { Generator, type GenerateOptions, type Prompt } from "./generate/generator.js";
import { runForwardPass, type Outcome, type Request } from "./passes/forward-pass.js";
import { loadModel } from "./load/load-model.js";
import { readGenerationDefaults, type GenerationDefaults } from "./generate/defaults.js";
import { disposeLoaded, type LoadedModel } from "./load/loaded-model.js";
import { KeptWeights } from "./load/kept-weights.js";
import { loadWhileLost, Recovery } from "./load/recovery.js";
import { fences, placements } from "../plan/vocabulary.js";
import { checkChoice, checkText, checkWholeOrAuto } from "../util/check.js";
import { loadPart } from "../util/load-part.js";
import { checkOptionNames } from "../util/option-names.js";
import { linkSignal } from "../util/signal.js";
import {
  checkGpuBudget,
  checkIds,
  checkList,
  checkSentences,
  checkSliceTokens,
  checkTokenTypes,
  expectCausal,
  expectHead,
  expectNoPadding,
  type Sentence,
} from "./load/check-input.js";
import { expectFinite } from "./passes/finite.js";
import type { OutputRequest } from "./passes/output.js";
import type { TextCalls } from "./texts/calls.js";
import type { Classification, ClassifyOptions, TokenClassification } from "./texts/classify.js";
import type { DecideOptions, Decision, Question } from "./texts/decide.js";
import { EmbeddingHandle } from "./texts/embedding-handle.js";
import type { FilledMask, FillMaskOptions } from "./texts/fill-mask.js";
import type { TextLike } from "./texts/input.js";
import { embedOptionNames, type EmbedOptions } from "./texts/options.js";
import type { RankedDocument, RerankOptions } from "./texts/rerank.js";
import { saveModel, type SavedModel } from "./save-model.js";
import { scoreOf } from "./score.js";
import { TextInput } from "./text-input.js";
import { expectTrainable, type TrainOptions } from "./train/options.js";
import { TrainingRun } from "./train/run.js";
import {
  forwardOptionNames,
  runOptionNames,
  type ForwardOptions,
  type RunOptions,
} from "./passes/pass-options.js";
import type { HiddenResult, LogitsResult } from "./passes/pass-result.js";
import { loadOptionNames, type LoadOptions } from "./load/load-options.js";
import type { ModelInfo } from "./load/model-info.js";
import type { ModelStats } from "./generate/stats.js";
import type { QueueMemory } from "../gpu/buffer.js";
import type { Scores } from "./score.js";

/**
 * A language model on the GPU.
 *
 * @example
 * ```ts
 * import { Model } from "weft-webgpu";
 *
 * await using model = await Model.load("./tinystories-gpt2/", { queues: 2 });
 * const [score] = await model.score(["Once upon a time there was a little dog."]);
 * console.log(score?.perplexity);
 * ```
 */
export class Model {
  /** Calls work on a snapshot of it, as its queues are exchanged when a device is lost. */
  readonly #loaded: LoadedModel;
  readonly #kept: KeptWeights;
  readonly #recovery: Recovery;
  readonly #active = new Set<Promise<unknown>>();
  /** Calls about texts, whose passes are among those. */
  readonly #about = new Set<Promise<unknown>>();
  readonly #generator: Generator;
  readonly #gpuBudgetMs: number | undefined;
  readonly #text: TextInput;
  #isDisposed = false;
  /** Resolves when the weights are no longer being changed. */
  #update: Promise<void> | undefined;

  private constructor(
    loaded: LoadedModel,
    defaults: GenerationDefaults,
    engine: EngineOptions,
    opened: { readonly source: ModelSource; readonly load: LoadOptions },
  ) {
    this.#loaded = loaded;
    const { source, load } = opened;
    const { onProgress: _, verify: __, ...asBefore } = load;
    this.#kept = new KeptWeights(source, loaded.weightsPrint);
    this.#recovery = new Recovery({
      loaded,
      mayRecover: load.recover ?? true,
      onRecovery: load.onRecovery,
      kept: this.#kept,
      reload: ({ source: own }, signal) =>
        loadModel(own, { ...asBefore, queues: loaded.info.queues, signal }),
      onReopened: () => this.#generator.reopen(),
    });
    this.#text = new TextInput(loaded.textFiles, loaded.config);
    this.#gpuBudgetMs = engine.gpuBudgetMs;
    this.#generator = new Generator(
      loaded,
      defaults,
      {
        tokenizer: () => (loaded.textFiles.tokenizer === undefined ? undefined : this.#text.tokenizer()),
        encodeMessages: (messages, options) => this.#encodeMessages(messages, options),
      },
      this.#recovery,
      engine,
    );
  }

  /**
   * Loads a model in Hugging Face layout: from the URL or path of its folder (config.json, model.safetensors or its
   * shards, tokenizer.json), or from the files' contents; or from a GGUF file, by URL, path, or as a File; or from the Hugging
   * Face hub by its name "owner/name". Weights stream to the GPU tensor by tensor.
   *
   * Throws FetchError, FormatError or ShapeError for unusable files, ArgumentError for unusable options, DeviceError without
   * WebGPU or without room, ShaderError, and CancelledError when `signal` aborts. Nothing is left allocated then.
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
    checkOptionNames(options, loadOptionNames);
    const engine = checkEngineOptions(options);
    const load = (): Promise<LoadedModel> => loadModel(source, options);
    const loaded = options.recover === false ? await load() : await loadWhileLost(load, options.signal);
    try {
      const defaults = readGenerationDefaults(loaded.textFiles.generationConfig, loaded.config);
      const known = countTokens(loaded.textFiles.tokenizer);
      const choosableTokens = Math.min(known || Infinity, loaded.config.vocabularySize);
      return new Model(loaded, defaults, { ...engine, choosableTokens }, { source, load: options });
    } catch (error) {
      disposeLoaded(loaded);
      throw error;
    }
  }

  get info(): ModelInfo {
    return this.#loaded.info;
  }

  /** Returns the live GPU buffers of each queue. All counts are 0 after `dispose`. */
  memory(): QueueMemory[] {
    return this.#loaded.replicas.map(({ queue }) => ({ ...queue.memory }));
  }

  /**
   * Runs the forward pass over a ragged batch: sentences of any lengths from 1 to the context, without padding. A sentence gives
   * the same bits whatever the rest of the batch, k, the queues, the fence and the placement are.
   *
   * Throws ArgumentError for unusable input, DeviceError if the device fails or is too small, CancelledError when `signal`
   * aborts, DisposedError if the model was disposed before or during the call.
   */
  forward(
    sentences: readonly Sentence[],
    options: ForwardOptions & { readonly output: "hidden" },
  ): Promise<HiddenResult>;
  forward(
    sentences: readonly Sentence[],
    options?: ForwardOptions & { readonly output?: "last" | "all" },
  ): Promise<LogitsResult>;
  async forward(
    sentences: readonly Sentence[],
    options: ForwardOptions = {},
  ): Promise<LogitsResult | HiddenResult> {
    checkOptionNames(options, forwardOptionNames);
    const output = checkChoice("output", options.output, "last", ["last", "all", "hidden"]);
    const { config } = this.#loaded;
    const head =
      config.predictsMasked && output !== "hidden"
        ? (await this.#texts("forward")).maskedHead(this.#loaded, "forward")
        : undefined;
    const { values, ...result } = await this.#run("forward", sentences, { kind: output, head }, options);
    return output === "hidden" ? { hidden: values, ...result } : { logits: values, ...result };
  }

  /**
   * Returns the log-probabilities of the tokens of each sentence, and their sum, mean and perplexity. Logits are not read back.
   * Texts are encoded, with the begin token in front if the model has one, so that all their tokens are scored. Arrays of ids are
   * used as they are. Each sentence needs at least two tokens.
   *
   * Throws what `forward` throws, and FormatError if text is passed and the model's tokenizer cannot be used.
   */
  async score(sentences: readonly (string | Sentence)[], options: RunOptions = {}): Promise<Scores> {
    this.#expectUsable("score");
    checkOptionNames(options, runOptionNames);
    const ids = await this.#text.encodeForScore(sentences);
    const { values, ...result } = await this.#run("score", ids, { kind: "logProbabilities" }, options);
    return Object.assign(
      ids.map((tokens, index) => scoreOf(tokens, values[index]!)),
      result,
    );
  }

  /**
   * Turns texts into vectors, in one call for any number of texts of any lengths. A text gives the same bits whatever is embedded
   * beside it. Pairs of texts and token ids are taken too. How rows become vectors is said by the files of sentence-transformers
   * beside the model, or by the options. Await the handle for all vectors, or iterate over it for each as its batch is done.
   *
   * Throws ArgumentError for unusable input, naming the text, DeviceError, CancelledError when `signal` aborts, DisposedError.
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./models/all-MiniLM-L6-v2/");
   * const { vectors } = await model.embed(["A cat sleeps.", "A dog barks."], { onProgress: console.log });
   * console.log(vectors[0]!.length);
   * ```
   */
  embed(texts: readonly TextLike[], options: EmbedOptions = {}): EmbeddingHandle {
    const stopping = new AbortController();
    return new EmbeddingHandle(
      async (emit) => {
        checkOptionNames(options, embedOptionNames);
        const unlink = linkSignal(options.signal, stopping);
        try {
          const { embedTexts } = await this.#texts("embed");
          const own = { ...options, signal: stopping.signal };
          return await this.#hold(embedTexts(this.#calls, texts, own, emit));
        } finally {
          unlink();
        }
      },
      () => stopping.abort(),
    );
  }

  /**
   * Returns documents in the order of their relevance to a query, the most relevant first, by a cross-encoder, which reads both
   * together. Scores are what the model's files say: from 0 to 1, or the logit itself.
   *
   * Throws what `embed` throws; ArgumentError names the document.
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./models/ms-marco-MiniLM-L6-v2/");
   * const documents = ["Cats sleep all day.", "The moon is far away."];
   * for (const { index, score } of await model.rerank("Who sleeps?", documents)) console.log(documents[index], score);
   * ```
   */
  async rerank(
    query: string | Sentence,
    documents: readonly (string | Sentence)[],
    options: RerankOptions = {},
  ): Promise<RankedDocument[]> {
    const { rerankDocuments } = await this.#texts("rerank");
    return this.#hold(rerankDocuments(this.#calls, query, documents, options));
  }

  /**
   * Returns the label of every text with its probability, by the model's classifier; or with one that is for tokens, the label of
   * every token with its place in the text. Pairs of texts are read together.
   *
   * Throws what `embed` throws.
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./models/sentiment/");
   * const [review] = await model.classify(["What a film!"]);
   * console.log(review!.label, review!.score, review!.scores);
   * ```
   */
  classify(
    texts: readonly TextLike[],
    options: ClassifyOptions & { readonly tokens: true },
  ): Promise<TokenClassification[][]>;
  classify(
    texts: readonly TextLike[],
    options?: ClassifyOptions & { readonly tokens?: false },
  ): Promise<Classification[]>;
  async classify(
    texts: readonly TextLike[],
    options: ClassifyOptions = {},
  ): Promise<Classification[] | TokenClassification[][]> {
    const { classifyTexts } = await this.#texts("classify");
    return this.#hold(classifyTexts(this.#calls, texts, options));
  }

  /**
   * Returns the likeliest tokens for each that a text hides behind the tokenizer's mask token, such as [MASK].
   *
   * Throws what `embed` throws.
   */
  async fillMask(texts: readonly TextLike[], options: FillMaskOptions = {}): Promise<FilledMask[][]> {
    const { fillMasks } = await this.#texts("fillMask");
    return this.#hold(fillMasks(this.#calls, texts, options));
  }

  /**
   * Returns how probable given answers are behind a prompt, by a model that predicts tokens. The prompt is computed once for all
   * questions and answers. The probability of an answer of several tokens is the product of theirs, divided by the sum over the
   * answers given.
   *
   * Throws ArgumentError, DeviceError, CancelledError, DisposedError, and GenerationInterruptedError if the device fails.
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./tinystories-gpt2/");
   * const [mood] = await model.decide("The dog was lost. He felt", [{ answers: [" sad", " happy"] }]);
   * console.log(mood!.answer, mood!.probability);
   * ```
   */
  async decide(
    prompt: Prompt,
    questions: readonly Question[],
    options: DecideOptions = {},
  ): Promise<Decision[]> {
    this.#expectUsable("decide");
    expectHead(this.#loaded.definition.recipe, "decide");
    const calls = {
      contextLength: this.#loaded.config.contextLength,
      beginToken: this.#loaded.config.beginToken,
      tokenizer: () => this.#text.tokenizer(),
      encodeMessages: (messages: readonly ChatMessage[]) => this.#encodeMessages(messages, {}),
      force: (tokens: readonly number[], token: number) => this.#generator.force(tokens, token),
    };
    const { decideAnswers } = await this.#texts("decide");
    return this.#hold(decideAnswers(calls, prompt, questions, options));
  }

  /**
   * Generates text after a prompt: a text, token ids, or messages. Call it as often as you like. All requests share the GPU, each
   * gets the tokens that it would get alone, and its pieces come as they are written. For a list of prompts it returns a batch of
   * handles; a bad prompt fails only its own handle.
   *
   * A handle rejects with ArgumentError for unusable input, and with GenerationInterruptedError, which holds the partial
   * text, if the device fails or the model is disposed. Cancelling is not an error: the finish reason is then "abort".
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./tinystories-gpt2/");
   * for await (const piece of model.generate("Once upon a time", { maxTokens: 40, seed: 1 })) console.log(piece);
   * const { text } = await model.generate("The little dog", { temperature: 0 });
   * console.log(text);
   * ```
   */
  generate(
    prompts: readonly (string | readonly ChatMessage[] | Sentence)[],
    options?: GenerateOptions,
  ): GenerationBatch;
  generate(prompt: Prompt, options?: GenerateOptions): GenerationHandle;
  generate(
    prompt: Prompt | readonly Prompt[],
    options: GenerateOptions = {},
  ): GenerationHandle | GenerationBatch {
    this.#expectUsable("generate");
    expectHead(this.#loaded.definition.recipe, "generate");
    return isPromptList<Prompt>(prompt)
      ? this.#generator.generateAll(prompt, options)
      : this.#generator.generate(prompt, options);
  }

  /** Generates the reply in a conversation, with the chat template of the model's tokenizer. Otherwise like `generate`. */
  chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): GenerationHandle {
    this.#expectUsable("chat");
    expectHead(this.#loaded.definition.recipe, "chat");
    return this.#generator.generate(messages, options);
  }

  /**
   * Trains the model's weights on sentences or texts of any lengths. Iterate over the run for its steps. Between steps, the same
   * model scores and generates with what it has learned. The bits of the weights do not depend on k, queues or fences.
   *
   * @example
   * ```ts
   * import { Model } from "weft-webgpu";
   *
   * await using model = await Model.load("./tinystories-gpt2/", { weights: "f32" });
   * const run = model.train(["Once upon a time there was a cat.", "The cat was happy."], { steps: 20 });
   * for await (const { step, loss } of run) console.log(step, loss);
   * const files = await model.save();
   * console.log(files.weights.byteLength);
   * ```
   */
  train(sentences: readonly (string | Sentence)[], options: TrainOptions): TrainingRun {
    this.#expectUsable("train");
    expectHead(this.#loaded.definition.recipe, "train");
    expectTrainable(this.#loaded);
    return new TrainingRun(
      {
        loaded: this.#loaded,
        kept: this.#kept,
        recovery: this.#recovery,
        encode: (own) => this.#text.encodeForTraining(own),
        evaluate: (own, signal) => this.#evaluate(own, signal),
        exclusive: (update) => this.#exclusive(update),
      },
      checkList(sentences),
      options,
    );
  }

  /** Returns the model as files in Hugging Face layout, with the current weights in float32. */
  async save(): Promise<SavedModel> {
    this.#expectUsable("save");
    await this.#update;
    this.#expectUsable("save");
    return this.#recovery.run(async (loaded) => {
      const { version } = this.#kept;
      // Weights are read one after the other: no update may come between.
      const files = await this.#track(saveModel(loaded));
      this.#kept.keep(version, { source: files });
      return files;
    });
  }

  /** Returns the counters of generation. */
  stats(): ModelStats {
    return this.#generator.stats;
  }

  /**
   * Calls `watcher` after every step of generation from now on, with the rows of requests that went through the model together,
   * and when. Returns a function that ends the watch. A watcher that throws is not called again; its error is reported like that
   * of an event listener.
   */
  watchSteps(watcher: (step: GenerationStep) => void): () => void {
    this.#expectUsable("watchSteps");
    return this.#generator.watch(watcher);
  }

  /** Returns the token ids of `text`. Throws ArgumentError if the model has no tokenizer. */
  async encode(text: string): Promise<number[]> {
    return (await this.#text.tokenizer()).encode(checkText("text", text));
  }

  /** Returns the text of token ids. Throws ArgumentError for an unknown id, or if the model has no tokenizer. */
  async decode(ids: Sentence): Promise<string> {
    return (await this.#text.tokenizer()).decode([...checkIds(ids, "ids")]);
  }

  /** Frees everything on the GPU. Calls that are running reject with DisposedError. Disposing twice is allowed. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#recovery.dispose();
    this.#generator.dispose();
    disposeLoaded(this.#loaded);
  }

  /** Calls `dispose`. For `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Calls `dispose`, and waits until running calls have ended. For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    await Promise.allSettled([...this.#active, ...this.#about, ...this.#generator.live]);
  }

  /** What is loaded for calls about texts. */
  async #texts(operation: string): Promise<typeof import("./texts/texts.js")> {
    this.#expectUsable(operation);
    return loadPart(import("./texts/texts.js"));
  }

  /** Has the end of the model wait for a call about texts, which may be between two passes. */
  async #hold<R>(call: Promise<R>): Promise<R> {
    this.#about.add(call);
    try {
      return await call;
    } finally {
      this.#about.delete(call);
    }
  }

  get #calls(): TextCalls {
    return {
      loaded: this.#loaded,
      tokenizer: () => this.#text.tokenizer(),
      run: async (operation, sentences, output, options) =>
        (await this.#run(operation, sentences, output, { ...options, placement: "affine" })).values,
    };
  }

  async #encodeMessages(messages: readonly ChatMessage[], options: ChatOptions): Promise<number[]> {
    const { renderChat } = await loadPart(import("../text/chat-template.js"));
    const text = await renderChat(messages, this.#loaded.textFiles, options);
    // The template has written the special tokens already.
    return (await this.#text.tokenizer()).encode(text, { addSpecialTokens: false });
  }

  async #run(
    operation: string,
    sentences: readonly Sentence[],
    output: OutputRequest,
    options: RunOptions & Pick<ForwardOptions, "tokenTypes">,
  ): Promise<Omit<Outcome, "trace"> & { readonly trace?: NonNullable<Outcome["trace"]> }> {
    this.#expectUsable(operation);
    const { config, info, definition } = this.#loaded;
    if (!output.head && output.kind !== "hidden" && output.kind !== "pooled")
      expectHead(definition.recipe, operation);
    const fence = checkChoice("fence", options.fence, "sentence", fences);
    if (fence === "prefix") expectCausal(definition.recipe);
    const tokens = checkSentences(sentences, {
      contextLength: config.contextLength,
      vocabulary: config.vocabularySize,
    });
    expectNoPadding(tokens, config.paddingToken);
    const tokenTypes = checkTokenTypes(options.tokenTypes, tokens, config.tokenTypes);
    const request: Request = {
      tokens,
      tokenTypes,
      output,
      sliceTokens: checkSliceTokens(options.sliceTokens, info.schedule.sliceTokens, config.contextLength),
      fence,
      placement: checkChoice("placement", options.placement, "auto", ["auto", ...placements]),
      queues: checkWholeOrAuto("queues", options.queues, info.schedule.queues, {
        least: 1,
        most: info.queues,
        remedy: "A call may use as many queues as were loaded: load with more.",
      }),
      trace: options.trace ?? false,
      gpuBudgetMs: checkGpuBudget(options.gpuBudgetMs ?? this.#gpuBudgetMs),
      signal: options.signal,
    };
    const { trace, ...outcome } = await this.#recovery.run(async (loaded) => {
      await this.#update;
      this.#expectUsable(operation);
      return this.#track(runForwardPass(loaded, request));
    }, options.signal);
    expectFinite(outcome.values, output.kind);
    return trace ? { ...outcome, trace } : outcome;
  }

  /** Has `dispose` and updates of the weights know of a call that is running. */
  async #track<R>(running: Promise<R>): Promise<R> {
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
      if (this.#isDisposed) for (const { arenas } of this.#loaded.replicas) arenas.trim();
    }
  }

  /** Returns the mean loss per token. */
  async #evaluate(sentences: readonly Sentence[], signal: AbortSignal | undefined): Promise<number> {
    const scores = await this.score(sentences, signal ? { signal } : {});
    const tokens = scores.reduce((sum, { logProbabilities }) => sum + logProbabilities.length, 0);
    return -scores.reduce((sum, score) => sum + score.sum, 0) / tokens;
  }

  /** Runs `update`, which changes the weights, when all forward passes have ended, and before others begin. */
  async #exclusive<R>(update: () => Promise<R>): Promise<R> {
    let open!: () => void;
    const earlier = this.#update;
    this.#update = new Promise((resolve) => (open = resolve));
    try {
      await earlier;
      await Promise.allSettled(this.#active);
      this.#expectUsable("train");
      this.#kept.change();
      const result = await update();
      this.#generator.forgetShared();
      return result;
    } finally {
      open();
    }
  }

  #expectUsable(operation: string): void {
    if (this.#isDisposed) throw new DisposedError("The model", operation);
    const { failure } = this.#recovery;
    if (failure) throw failure;
  }
}
