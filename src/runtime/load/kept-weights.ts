// Where a model's weights can be had from if its device is lost: its source, and what has become of them since.
import type { ModelParts, ModelSource } from "../../files/source.js";
import type { LoadedModel } from "./loaded-model.js";

/** Files, and what is to be done with the weights in them. */
export interface Origin {
  readonly source: ModelSource;
  /** What the files must hold, if they can have changed. */
  readonly weightsPrint?: string | undefined;
  /** What `restore` reads. */
  readonly checkpoint?: Uint8Array | undefined;
  /** Turns the weights of the files into those of the moment of the loss. */
  readonly restore?: ((loaded: LoadedModel) => Promise<void>) | undefined;
}

export class KeptWeights {
  /** The files that the model was loaded from, whatever has become of its weights. */
  readonly source: Origin;
  #version = 0;
  /** Undefined if the weights as they are now are on the GPU only. */
  #kept: Origin | undefined;
  /** Tell it for the runs that are under way. */
  readonly #running = new Set<() => Origin | undefined>();
  /** Whether several runs have changed the weights in turns: no one of them knows how to get there. */
  #isMixed = false;

  constructor(source: ModelSource, weightsPrint: string) {
    this.source = { source, weightsPrint };
    this.#kept = this.source;
  }

  /** Undefined if the weights as they are now can't be had. */
  get origin(): Origin | undefined {
    if (this.#isMixed) return undefined;
    for (const origin of this.#running) return origin();
    return this.#kept && isHere(this.#kept) ? this.#kept : undefined;
  }

  /** Counts updates: weights of the same version are the same. */
  get version(): number {
    return this.#version;
  }

  /** The weights are being changed. */
  change(): void {
    this.#version++;
    this.#kept = undefined;
  }

  /** Remembers where the weights of a version can be had, if they are still that and it is not known. */
  keep(version: number, origin: Origin): void {
    if (version === this.#version) this.#kept ??= origin;
  }

  /** From now on `origin` tells where weights are, until the function is called that is returned. */
  begin(origin: () => Origin | undefined): () => void {
    this.#running.add(origin);
    this.#isMixed ||= this.#running.size > 1;
    return () => {
      this.#running.delete(origin);
      if (this.#running.size === 0) this.#isMixed = false;
    };
  }
}

/** Bytes that were posted to another thread are no longer here. */
export const isDetached = (bytes: Uint8Array): boolean => bytes.byteLength === 0;

function isHere({ source, checkpoint }: Origin): boolean {
  const { weights } = source as Partial<ModelParts>;
  return [weights, checkpoint].every((own) => !(own instanceof Uint8Array && isDetached(own)));
}
