// One generation from its first token to its end: counts, assembles text, decides when to stop.
import { GenerationInterruptedError } from "../../errors.js";
import { TextAssembler } from "../../text/text-assembler.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { hasBans, needsTokens, type BanRules } from "./bans.js";
import type { FinishReason, Generation } from "./handle.js";
import type { EngineRequest } from "./engine.js";
import type { Sampling } from "./sampling.js";

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
  /** Whether special tokens that do not end the text are part of it. */
  readonly keepsSpecialTokens: boolean;
  /** When the call was made, on the clock of performance.now(). */
  readonly calledMs: number;
  readonly emit: (piece: string) => void;
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
    this.needsTokens = needsTokens(bans);
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
    if (this.#tokens.length >= this.#settings.maxTokens) return this.end("length");
    return true;
  }

  onError(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#reject(new GenerationInterruptedError(this.#generation("abort"), error));
  }

  /** Ends the generation with what there is. */
  end(reason: FinishReason): false {
    if (this.#isEnded) return false;
    this.#isEnded = true;
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
