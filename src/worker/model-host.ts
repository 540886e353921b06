// The model of a worker, for every page that uses it: loaded for the first of them, disposed of after the last.
import { ArgumentError, CancelledError } from "../errors.js";
import { Model, type LoadOptions, type ModelSource, type RecoveryEvent } from "../index.js";
import { lendStorage, type Kept } from "./lent-storage.js";

type Progress = NonNullable<LoadOptions["onProgress"]>;

export interface HostedModel {
  readonly model: Model;
  /** What the first page is to store. */
  readonly kept: Kept;
}

/** A page, as the host knows it. */
export interface Guest {
  readonly onProgress: Progress;
  readonly onRecovery: (event: RecoveryEvent) => void;
}

export class ModelHost {
  readonly #close: () => void;
  readonly #onTraining: () => void;
  readonly #guests = new Set<Guest>();
  #asked = "";
  #loading: Promise<HostedModel> | undefined;
  #leaving = new AbortController();
  #model: Model | undefined;
  /** Whether the model may need files that it has made of trained weights, so that they are not transferred to a page. */
  keepsFiles = false;
  #mayRecover = true;

  /** `close` ends the worker when the last page has left. `onTraining` is called before weights change. */
  constructor(close: () => void, onTraining: () => void = () => undefined) {
    this.#close = close;
    this.#onTraining = onTraining;
  }

  /** The model for one more page. The first one's source and options count; later ones must have the same. */
  load(guest: Guest, source: ModelSource, options: LoadOptions, kept: Kept): Promise<HostedModel> {
    this.#guests.add(guest);
    const asked = JSON.stringify([typeof source === "string" ? source : "files", options]);
    if (!this.#loading) {
      this.#asked = asked;
      this.#leaving = new AbortController();
      const loading = this.#load(source, options, kept);
      this.#loading = loading;
      // The next page tries again.
      loading.catch(() => this.#loading === loading && (this.#loading = undefined));
    }
    if (asked === this.#asked) return this.#loading;
    throw new ArgumentError({
      argument: "shared",
      expected: `the source and options with which the model of this name was loaded: ${this.#asked}`,
      received: asked,
      remedy: "Pass the same ones on every page, or another name.",
    });
  }

  /** Lets a page go. Returns whether it was the last: the model is disposed of then. */
  leave(guest: Guest): boolean {
    if (!this.#guests.delete(guest) || this.#guests.size > 0) return false;
    this.#leaving.abort();
    this.#model?.dispose();
    this.#model = undefined;
    this.#loading = undefined;
    // Its last figures are still to be sent.
    setTimeout(() => this.#guests.size === 0 && this.#close(), CLOSE_MS);
    return true;
  }

  /** Weights are about to be trained: a model that recovers needs what it has made of them. */
  willTrain(): void {
    this.keepsFiles = this.#mayRecover;
    this.#onTraining();
  }

  async #load(source: ModelSource, options: LoadOptions, kept: Kept): Promise<HostedModel> {
    const { signal } = this.#leaving;
    const addedTo = lendStorage(kept);
    this.#mayRecover = options.recover ?? true;
    const model = await Model.load(source, {
      ...options,
      signal,
      onProgress: (progress) => this.#guests.forEach((guest) => guest.onProgress(progress)),
      onRecovery: (event) => this.#guests.forEach((guest) => guest.onRecovery(event)),
    });
    if (signal.aborted) {
      model.dispose();
      throw new CancelledError("Loading the model", signal.reason);
    }
    this.#model = model;
    return { model, kept: addedTo() };
  }
}

/** How long messages to a page that leaves may take. */
const CLOSE_MS = 100;
