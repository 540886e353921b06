// What the page and its worker say to each other. Calls are numbered by the page; all else names the call that it is about.
import type { ModelInfo, ModelStats, QueueMemory } from "../index.js";
import type { ErrorRecord } from "./error-record.js";
import type { Kept } from "./lent-storage.js";

/** From the page: a call, or the end of one. */
export type Request =
  | {
      readonly call: number;
      readonly method: string;
      readonly args: readonly unknown[];
      /** The caller's signal was aborted before the call. */
      readonly isAborted: boolean;
    }
  | { readonly abort: number };

/** From the worker: what happens during a call, and then what it gave. They come in lists, those of a moment together. */
export type Reply =
  | { readonly call: number; readonly event: unknown }
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: ErrorRecord };

/** What a worker cannot know of its page. */
export interface PageFacts {
  /** Of the page's performance.now(). */
  readonly timeOrigin: number;
  readonly kept: Kept;
}

/** What `load` gives. */
export interface Loaded {
  readonly info: ModelInfo;
  /** For the page to keep. */
  readonly kept: Kept;
}

/** What `dispose` leaves behind. */
export interface LastFigures {
  readonly memory: QueueMemory[];
  readonly stats: ModelStats;
}
