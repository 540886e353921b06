// One generation from its first token to its end: counts, assembles text, decides when to stop.
import { GenerationInterruptedError } from "../../errors.js";
import { TextAssembler } from "../../text/text-assembler.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { hasBans, needsTokens, type BanRules } from "./bans.js";
import type { FinishReason, Generation } from "./handle.js";
import type { EngineRequest } from "./engine-request.js";
import type { Sampling } from "./sampling.js";

/** Follows the tokens of one text, and says which may come next. */
export interface TokenConstraint {
  /** A bit per token that may come next, the lowest first, V bits in all. */
  readonly allowed: Uint32Array;
  /** Whether nothing may follow but the end. */
  readonly isComplete: boolean;
  /** Whether the text could not be completed by `left` more tokens after this one, which is no longer allowed then. */
  refuses(token: number, left: number): boolean;
  /** Takes the next token, one that was allowed. Resolves when `allowed` is that of the token after it. */
  advance(token: number): Promise<void>;
  /** Frees its memory. */
  dispose(): void;
}

export interface RunSettings {
  readonly id: number;
  readonly prompt: readonly number[];
  readonly sampling: Sampling;
  readonly priority: number;
  /** The most tokens to generate; the context allows as many. */
  readonly maxTokens: number;
  readonly stopTokens: ReadonlySet<number>;
  readonly stops: readonly string[];
  readonly tokenizer: TextTokenizer | undefined;
  /** What the text must be like. */
  readonly constraint: TokenConstraint | undefined;
  /** Whether the constraint has it complete with its last token. */
  readonly finishesInBudget: boolean;
  /** Whether special tokens that do not end the text are part of it. */
  readonly keepsSpecialTokens: boolean;
  /** When the call was made, on the clock of performance.now(). */
  readonly calledMs: number;
  readonly emit: (piece: string) => void;
  /** Whether the request goes on in spite of an error, as a model whose device was lost is opened again. */
  readonly survives: (error: unknown) => boolean;
}

export class GenerationRun implements EngineRequest {
  readonly id: number;
  readonly prompt: readonly number[];
  readonly priority: number;
  readonly maxLength: number;
  readonly sampling: Sampling;
  readonly bans: BanRules | undefined;
  readonly needsTokens: boolean;
  readonly result: Promise<Generation>;
  readonly #settings: RunSettings;
  readonly #assembler: TextAssembler | undefined;
  readonly #tokens: number[] = [];
  readonly #logProbabilities: number[] = [];
  #text = "";
  #startedMs: number | undefined;
  #firstTokenMs: number | undefined;
  #lastTokenMs = 0;
  #preparing: Promise<boolean> | undefined;
  #isEnded = false;
  #resolve!: (generation: Generation) => void;
  #reject!: (error: unknown) => void;

  constructor(settings: RunSettings) {
    const { id, prompt, priority, maxTokens, sampling, tokenizer, stops, stopTokens } = settings;
    const skipSpecialTokens = !settings.keepsSpecialTokens;
    this.#settings = settings;
    this.id = id;
    this.prompt = prompt;
    this.priority = priority;
    this.maxLength = prompt.length + maxTokens;
    this.sampling = sampling;
    const bans = { ...sampling, stopTokens };
    this.bans = hasBans(bans) ? bans : undefined;
    this.needsTokens = needsTokens(bans) || settings.constraint !== undefined;
    if (tokenizer)
      this.#assembler = new TextAssembler(
        (ids) => tokenizer.decode(ids, { skipSpecialTokens, skipUnknown: true }),
        stops,
      );
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onStart(): void {
    this.#startedMs ??= performance.now();
  }

  /** Whether another token is to be chosen, as the text could not be completed within its tokens after this one. */
  refuses(token: number): boolean {
    const left = this.#settings.maxTokens - this.#tokens.length - 1;
    return !this.#isEnded && (this.#settings.constraint?.refuses(token, left) ?? false);
  }

  onToken(token: number, logProbability: number | undefined): boolean {
    if (this.#isEnded) return false;
    this.#lastTokenMs = performance.now();
    this.#firstTokenMs ??= this.#lastTokenMs;
    this.#tokens.push(token);
    if (logProbability !== undefined) this.#logProbabilities.push(logProbability);
    if (this.#settings.stopTokens.has(token)) return this.end("stop");
    const added = this.#assembler?.push(token);
    if (added) this.#emit(added.text);
    if (added?.isStopped) return this.end("stop");
    if (this.#tokens.length < this.#settings.maxTokens) return true;
    return this.end(this.#settings.finishesInBudget ? "stop" : "length");
  }

  get allowed(): Uint32Array | undefined {
    return this.#settings.constraint?.allowed;
  }

  /** Returns whether the text goes on: one that can only end does, without a token for that. */
  prepare(token: number): Promise<boolean> | undefined {
    const { constraint } = this.#settings;
    if (!constraint) return undefined;
    this.#preparing = constraint.advance(token).then(() => !constraint.isComplete || this.end("stop"));
    return this.#preparing;
  }

  /** Resolves when the next token may be chosen. */
  get prepared(): Promise<unknown> | undefined {
    return this.#preparing;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The ids generated so far. */
  get generated(): readonly number[] {
    return this.#tokens;
  }

  onError(error: unknown): void {
    if (!this.#isEnded && !this.#settings.survives(error)) this.fail(error);
  }

  /** Ends the generation with an error. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#settings.constraint?.dispose();
    this.#reject(new GenerationInterruptedError(this.#generation("abort"), error));
  }

  /** Ends the generation with what there is. */
  end(reason: FinishReason): false {
    if (this.#isEnded) return false;
    this.#isEnded = true;
    this.#settings.constraint?.dispose();
    const rest = this.#assembler?.finish();
    // Text was held back that may begin a stop string. It is part of the text now. After a whole stop string, nothing is held.
    if (rest) this.#emit(rest.text);
    this.#resolve(this.#generation(reason));
    return false;
  }

  #emit(text: string): void {
    this.#text += text;
    this.#settings.emit(text);
  }

  #generation(finishReason: FinishReason): Generation {
    const { calledMs, sampling, prompt } = this.#settings;
    const now = performance.now();
    const seconds = (this.#lastTokenMs - (this.#firstTokenMs ?? 0)) / 1000;
    const count = this.#tokens.length;
    return {
      text: this.#text,
      tokens: this.#tokens,
      ...(sampling.wantsLogProbabilities ? { logProbabilities: this.#logProbabilities } : {}),
      finishReason,
      usage: { promptTokens: prompt.length, completionTokens: count },
      timings: {
        queueMs: (this.#startedMs ?? now) - calledMs,
        firstTokenMs: (this.#firstTokenMs ?? now) - calledMs,
        totalMs: now - calledMs,
        tokensPerSecond: count > 1 && seconds > 0 ? (count - 1) / seconds : 0,
      },
    };
  }
}
