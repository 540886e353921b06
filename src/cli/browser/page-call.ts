// The contract between commands and the modules that they run, in a page or in this process: types only.
import type { EndingSignal } from "./ending-signals.js";

/** What a module for a page exports as `run`. Request, result and events are JSON. */
export type PageRun<Request, Result, Event = unknown> = (
  request: Request,
  report: (words: string, part?: number) => void,
  hooks: PageHooks<Event>,
) => Promise<Result>;

export interface PageHooks<Event = unknown> {
  /** Sends an event to the command, before the result. */
  readonly emit: (event: Event) => void;
  /** Sends a file, after all events so far. Resolves when it is written. One file at a time. */
  readonly send: (name: string, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** The milliseconds that the page's thread spent in tasks, counted by the browser. Absent if there is no page. */
  readonly taskMs?: () => Promise<number>;
  /** Aborts when the user interrupts a call that can be stopped. */
  readonly signal: AbortSignal;
}

export interface PageCall<Request, Event = unknown> {
  /** The module's name in dist/cli, without its ending. */
  readonly module: string;
  readonly request: Request;
  /** Further folders to serve, by address. dist/ is at "/". */
  readonly folders?: Readonly<Record<string, string>>;
  /** Called with what the module is doing, and the part of it that is done, from 0 to 1, if that is known. */
  readonly onProgress?: (words: string, part?: number) => void;
  /** Called with each event that the module emits, always before the result. `browser`: name and version. */
  readonly onEvent?: (event: Event, browser: string) => void;
  /** Called with the files that the module sends, piece by piece. */
  readonly onPiece?: (name: string, piece: Uint8Array, isLast: boolean) => Promise<void>;
  /** If present, a signal aborts the module's signal and calls this, instead of ending the program. */
  readonly onInterrupt?: (signal: EndingSignal) => void;
}

export interface PageAnswer<Result> {
  readonly result: Result;
  /** Name and version of the browser, or of Node with Dawn. */
  readonly browser: string;
}
