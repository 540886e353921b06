// The model behind the page: loaded when first asked for, and again when more queues are asked for than it has.
import { ArgumentError, CancelledError, Model, type LoadOptions } from "../index.js";

export const modelName = "tinystories-gpt2";

const folder = new URL(`./${modelName}/`, document.baseURI);

export class Session {
  #model: Model | undefined;
  #prompts: readonly string[] | undefined;

  async prompts(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#prompts) return this.#prompts;
    const response = await fetch(new URL("stories.json", folder), { signal });
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${response.url}.`);
    this.#prompts = ((await response.json()) as { prompt: string }[]).map(({ prompt }) => prompt);
    return this.#prompts;
  }

  async model(queues: number, options: LoadOptions): Promise<Model> {
    if (this.#model && this.#model.info.queues >= queues) return this.#model;
    this.dispose();
    this.#model = await Model.load(folder, { ...options, queues });
    return this.#model;
  }

  /** After an error of the device nothing can be trusted: the next run loads again. */
  handleError(error: unknown): void {
    if (!(error instanceof ArgumentError || error instanceof CancelledError)) this.dispose();
  }

  dispose(): void {
    this.#model?.dispose();
    this.#model = undefined;
  }
}
