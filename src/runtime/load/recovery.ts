// Opens a model again whose device was lost. Everything that runs works on the one LoadedModel, whose queues are exchanged here.
import { DeviceError, DisposedError, type DeviceErrorReason } from "../../errors.js";
import type { KeptWeights, Origin } from "./kept-weights.js";
import type { LoadOptions } from "./load-options.js";
import { disposeLoaded, lossOf, type LoadedModel } from "./loaded-model.js";

/** More losses than this within a minute are no accident: the GPU or its driver does not bear this work. */
const MOST_PER_MINUTE = 3;
/** How long to wait before each new try: a GPU process or a driver that has just ended takes a while to come back. */
const WAITS_MS = [20, 100, 300, 1000, 2000, 4000];
/** A model that is loaded for the first time waits for no adapter, as there may be none, and tries to open a lost device but these times. */
const FIRST_WAITS_MS = WAITS_MS.slice(0, 3);

export interface RecoveredModel {
  /** Its queues are exchanged. */
  readonly loaded: LoadedModel;
  readonly mayRecover: boolean;
  readonly onRecovery: LoadOptions["onRecovery"];
  readonly kept: KeptWeights;
  /** Loads these files as the model was loaded. */
  readonly reload: (origin: Origin, signal: AbortSignal) => Promise<LoadedModel>;
  /** Called when the queues are others, before any call goes on. */
  readonly onReopened: () => void;
}

export class Recovery {
  readonly #model: RecoveredModel;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** Why the model can't be used any more. */
  #end: Error | undefined;
  /** When devices were lost, on the clock of performance.now(). */
  #losses: number[] = [];

  constructor(model: RecoveredModel) {
    this.#model = model;
  }

  get mayRecover(): boolean {
    return this.#model.mayRecover;
  }

  /** Why the model is of no use and will not be again. */
  get failure(): Error | undefined {
    const { replicas } = this.#model.loaded;
    const failure = this.#end ?? replicas.find(({ queue }) => queue.failure)?.queue.failure;
    return failure && !this.covers(failure) ? failure : undefined;
  }

  /** Whether a call that failed will be done again: a device was lost, and the model may recover. */
  covers(error: unknown): boolean {
    if (!this.#model.mayRecover || this.#end || error instanceof DisposedError) return false;
    return (
      (error instanceof DeviceError && error.reason === "lost") ||
      lossOf(this.#model.loaded.replicas) !== undefined
    );
  }

  /** Resolves at once, or when the model has recovered. Rejects with the reason if it can't. */
  async usable(): Promise<void> {
    while (!this.#end) {
      const loss = lossOf(this.#model.loaded.replicas);
      if (!this.#running && !loss) return;
      if (!this.#model.mayRecover) throw loss!;
      this.#running ??= this.#recover(loss!).finally(() => (this.#running = undefined));
      await this.#running;
    }
    throw this.#end;
  }

  /**
   * Runs a call, again if a device was lost meanwhile. `call` gets a snapshot, whose queues are not exchanged while it runs. What
   * else a call rejects with is passed on.
   */
  async run<R>(call: (model: LoadedModel) => Promise<R>, signal?: AbortSignal): Promise<R> {
    for (;;) {
      const { loaded } = this.#model;
      if (lossOf(loaded.replicas) || this.#running) await unlessAborted(this.usable(), signal);
      const snapshot = { ...loaded };
      try {
        return await call(snapshot);
      } catch (error) {
        if (error instanceof DisposedError || !this.#model.mayRecover || !lossOf(snapshot.replicas))
          throw error;
        if (signal?.aborted) throw error;
      }
    }
  }

  /** Ends a recovery that is under way. Those who wait for it reject with DisposedError. */
  dispose(): void {
    this.#end ??= new DisposedError("The model", "its pending work");
    this.#stopping.abort();
  }

  async #recover(first: DeviceError): Promise<void> {
    const { loaded, kept, onRecovery } = this.#model;
    const startMs = performance.now();
    const { adapter, recoveries } = loaded.info;
    const tell: NonNullable<typeof onRecovery> = (event) => reportErrors(() => onRecovery?.(event));
    try {
      for (let loss = first; ;) {
        tell({ phase: "lost", reason: loss });
        this.#count(loss);
        const { origin } = kept;
        disposeLoaded(loaded, loss);
        if (!origin)
          throw unrecovered(
            "its weights were trained, and neither its last checkpoint nor save has them as they were",
          );
        const fresh = await this.#reload(origin);
        if (this.#end) {
          disposeLoaded(fresh);
          throw this.#end;
        }
        Object.assign(loaded, fresh, { info: { ...fresh.info, recoveries: recoveries + 1 } });
        this.#model.onReopened();
        try {
          await origin.restore?.(loaded);
          break;
        } catch (error) {
          const again = lossOf(loaded.replicas);
          if (!again) {
            disposeLoaded(loaded, loss);
            throw error;
          }
          loss = again;
        }
      }
      tell({
        phase: "recovered",
        elapsedMs: performance.now() - startMs,
        adapter: loaded.info.adapter,
        isOtherAdapter: JSON.stringify(adapter) !== JSON.stringify(loaded.info.adapter),
      });
    } catch (error) {
      // Unless the model was disposed of.
      if (!this.#end)
        tell({ phase: "failed", elapsedMs: performance.now() - startMs, reason: error as Error });
      this.#end ??= error as Error;
      throw this.#end;
    }
  }

  /** Throws the loss itself if there have been too many. */
  #count(loss: DeviceError): void {
    const now = performance.now();
    this.#losses = [...this.#losses.filter((lostMs) => now - lostMs < 60_000), now];
    if (this.#losses.length > MOST_PER_MINUTE) throw loss;
  }

  async #reload(origin: Origin): Promise<LoadedModel> {
    const { signal } = this.#stopping;
    const reload = (): Promise<LoadedModel> => this.#model.reload(origin, signal);
    const fresh = await tryAgain(reload, signal, WAITS_MS, ["lost", "no-adapter"]).catch((cause: unknown) => {
      throw this.#end ?? unrecovered(cause instanceof Error ? cause.message : String(cause), cause);
    });
    if (origin.weightsPrint === undefined || fresh.weightsPrint === origin.weightsPrint) return fresh;
    disposeLoaded(fresh);
    throw unrecovered("its files are others than before");
  }
}

/** Loads a model, again if its device is lost meanwhile. */
export function loadWhileLost(
  load: () => Promise<LoadedModel>,
  signal: AbortSignal | undefined,
): Promise<LoadedModel> {
  return tryAgain(load, signal, FIRST_WAITS_MS, ["lost"]);
}

async function tryAgain<R>(
  attempt: () => Promise<R>,
  signal: AbortSignal | undefined,
  waitsMs: readonly number[],
  reasons: readonly DeviceErrorReason[],
): Promise<R> {
  for (const waitMs of waitsMs) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DeviceError && reasons.includes(error.reason))) throw error;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
  return attempt();
}

const unrecovered = (problem: string, cause?: unknown): DeviceError =>
  new DeviceError({
    reason: "lost",
    problem: `The GPU device was lost and the model could not be opened again: ${problem}`,
    remedy: "Dispose this model and load it again.",
    cause,
  });

/** Rejects as soon as `signal` is aborted. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  let stop!: () => void;
  const aborted = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    // What runs next looks at the signal.
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What a listener throws is reported like that of an event listener, and ends nothing. */
function reportErrors(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
