// A loaded tiny model that has to stay as it is whatever a test does with it: same bits, same memory.
import { expect } from "vitest";
import { Model } from "../../src/runtime/model.js";
import type { LoadOptions } from "../../src/runtime/load/load-options.js";
import { expectClose } from "./expect-close.js";
import { makeSentences, makeTinyModel, type TinyModelOptions } from "./tiny-model.js";
import { exact } from "./tolerances.js";
import { WatchedGpu } from "./watched-gpu.js";

export class SteadyModel {
  readonly model: Model;
  readonly watched: WatchedGpu;
  readonly sentences: readonly number[][];
  /** The logits of `sentences` with output "all". */
  readonly bits: readonly Float32Array[];
  readonly #memory: readonly { readonly buffers: number; readonly bytes: number }[];

  private constructor(
    model: Model,
    watched: WatchedGpu,
    sentences: readonly number[][],
    bits: readonly Float32Array[],
  ) {
    this.model = model;
    this.watched = watched;
    this.sentences = sentences;
    this.bits = bits;
    this.#memory = countMemory(model);
  }

  static async load(options: LoadOptions = {}, tinyOptions: TinyModelOptions = {}): Promise<SteadyModel> {
    const watched = await WatchedGpu.create();
    const tiny = makeTinyModel(tinyOptions);
    const model = await Model.load(tiny.parts, { gpu: watched.gpu, ...options });
    const { contextLength, vocabularySize } = model.info.config;
    const sentences = makeSentences(3, 9, contextLength, vocabularySize);
    const { logits } = await model.forward(sentences, { output: "all" });
    return new SteadyModel(model, watched, sentences, logits);
  }

  /** Fails unless a forward pass gives the same bits and leaves the same memory as at the start. */
  async expectUnchanged(): Promise<void> {
    const { logits } = await this.model.forward(this.sentences, { output: "all" });
    this.expectBits(logits);
    expect(countMemory(this.model)).toEqual(this.#memory);
  }

  /** Fails unless `logits` are those of `sentences`. */
  expectBits(logits: readonly Float32Array[]): void {
    expect(logits.length).toBe(this.bits.length);
    logits.forEach((values, index) => expectClose(values, this.bits[index]!, exact));
  }

  /** Disposes the model; fails unless everything is freed and every device closed. */
  async end(): Promise<void> {
    await this.model[Symbol.asyncDispose]();
    expectNoMemory(this.model);
    await this.watched.allClosed();
  }
}

/** Fails unless no buffer of the model is live. */
export function expectNoMemory(model: Model): void {
  for (const count of countMemory(model)) expect(count).toEqual({ buffers: 0, bytes: 0 });
}

function countMemory(model: Model): { buffers: number; bytes: number }[] {
  return model.memory().map(({ buffers, bytes }) => ({ buffers, bytes }));
}
