// What commands and the modules that they run, in a page or here, agree on.

/** What a module for a page exports as `run`. Request, result and events are JSON. */
export type PageRun<Request, Result, Event = unknown> = (
  request: Request,
  report: (words: string, part?: number) => void,
  hooks: PageHooks<Event>,
) => Promise<Result>;

export interface PageHooks<Event = unknown> {
  /** Tells of what is there before the result is. */
  readonly emit: (event: Event) => void;
  /** Hands over a file, after all that was emitted before. Resolves when it is written. One at a time. */
  readonly send: (name: string, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Milliseconds of the page's thread that went into tasks, as the browser counts them. Absent where there is no page. */
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
  /** Hears what the module reports: words, and how much of that is done, from 0 to 1, where it is known. */
  readonly onProgress?: (words: string, part?: number) => void;
  /** Hears what the module emits, all of it before its answer. `browser`: name and version. */
  readonly onEvent?: (event: Event, browser: string) => void;
  /** Gets the files that the module sends, piece by piece. */
  readonly onPiece?: (name: string, piece: Uint8Array, isLast: boolean) => Promise<void>;
  /** Present: SIGINT aborts the module's signal, and calls this, rather than end the program. */
  readonly onInterrupt?: () => void;
}

export interface PageAnswer<Result> {
  readonly result: Result;
  /** Name and version of the browser, or what else it ran on. */
  readonly browser: string;
}
