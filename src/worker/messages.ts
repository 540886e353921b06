// The messages between a page and its worker. The page numbers its calls; every other message names a call.
import type {
  EmbeddedText,
  ModelInfo,
  ModelStats,
  QueueMemory,
  RecoveryEvent,
  TextProgress,
} from "../index.js";
import type { ErrorRecord } from "./error-record.js";
import type { Kept } from "./lent-storage.js";

/** From the page: a call, that a call is to end, or that the page uses the worker no more and waits for nothing. */
export type Request =
  | {
      readonly call: number;
      readonly method: string;
      readonly args: readonly unknown[];
      /** Whether the caller's signal was aborted before the call. */
      readonly isAborted: boolean;
    }
  | { readonly abort: number }
  | { readonly leave: true };

/** From the worker: an event of a call, or its end. All replies of one turn of the event loop are one message. */
export type Reply =
  | { readonly call: number; readonly event: unknown }
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: ErrorRecord };

/** What a worker cannot find out about its page. */
export interface PageFacts {
  /** The page's performance.timeOrigin. */
  readonly timeOrigin: number;
  readonly kept: Kept;
  /** The name of the lock that the worker holds as long as it lives. */
  readonly lock: string;
  /** The name of the lock that the page holds as long as it is there, if the worker is shared: nobody else would end its calls. */
  readonly ownLock?: string;
}

/** The result of `load`. */
export interface Loaded {
  readonly info: ModelInfo;
  /** What the page is to store. */
  readonly kept: Kept;
}

/** The result of `dispose`. */
export interface LastFigures {
  readonly memory: QueueMemory[];
  readonly stats: ModelStats;
}

/** An event of `embed`: how many texts are done, or the vector of one, which may be that of an earlier one. */
export type EmbeddingEvent =
  TextProgress | EmbeddedText | { readonly index: number; readonly sameAs: number };

/** A RecoveryEvent, and what the model is like after it. */
export interface RecoveryMessage {
  /** Absent if the model was loaded anew in the worker of another tab. */
  readonly event?: Exclude<RecoveryEvent, { readonly reason: Error }> | { readonly reason: ErrorRecord };
  readonly info: ModelInfo;
}
