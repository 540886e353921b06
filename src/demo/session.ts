// The model of the page: loaded when first needed, and again when more queues are needed than it has.
import {
  ArgumentError,
  CancelledError,
  Model,
  type LoadOptions,
  type ModelSource,
  type RecoveryEvent,
} from "../index.js";

const embedded = "tinystories-gpt2";

/** The address of the embedded model's files. */
export const modelFolder: URL = new URL(`./${embedded}/`, document.baseURI);

export class Session {
  #model: Model | undefined;
  #loading: Promise<void> | undefined;
  #prompts: readonly string[] | undefined;
  #source: ModelSource = modelFolder;
  #name = embedded;
  readonly #onRecovery: (event: RecoveryEvent) => void;

  /** `onRecovery` is called when the model's device was lost, and when the model goes on. */
  constructor(onRecovery: (event: RecoveryEvent) => void) {
    this.#onRecovery = onRecovery;
  }

  /** The name of the model that is or will be loaded. */
  get name(): string {
    return this.#name;
  }

  get source(): ModelSource {
    return this.#source;
  }

  /** Makes the next run load this model instead. */
  use(source: ModelSource, name: string): void {
    this.dispose();
    this.#source = source;
    this.#name = name;
  }

  useEmbedded(): void {
    this.use(modelFolder, embedded);
  }

  /** The model, if one is loaded. */
  get current(): Model | undefined {
    return this.#model;
  }

  async prompts(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#prompts) return this.#prompts;
    const response = await fetch(new URL("stories.json", modelFolder), { signal });
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${response.url}.`);
    this.#prompts = ((await response.json()) as { prompt: string }[]).map(({ prompt }) => prompt);
    return this.#prompts;
  }

  async model(queues: number, options: LoadOptions): Promise<Model> {
    // Several panels may ask at the same time. If the load of another one fails, this one tries itself.
    while (this.#loading) await this.#loading;
    if (this.#model && this.#model.info.queues >= queues) return this.#model;
    this.dispose();
    const loading = Model.load(this.#source, { ...options, queues, onRecovery: this.#onRecovery });
    const settle = (): void => {
      this.#loading = undefined;
    };
    this.#loading = loading.then(settle, settle);
    this.#model = await loading;
    return this.#model;
  }

  /** After an error of the device nothing can be trusted, so the next run loads again. */
  handleError(error: unknown): void {
    if (!(error instanceof ArgumentError || error instanceof CancelledError)) this.dispose();
  }

  dispose(): void {
    this.#model?.dispose();
    this.#model = undefined;
  }
}
