// One request on its way: what ends it early, and what is known of it when it is over.
import type { RequestRecord } from "../options.js";
import { linkSignal } from "../../util/signal.js";
import { ApiFailure, CLIENT_CLOSED } from "./failure.js";

interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export class Exchange {
  readonly request: Request;
  readonly startMs: number = performance.now();
  readonly #ending = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #unlink: () => void;
  readonly #onEnd: (record: RequestRecord) => void;
  readonly #path: string;
  #model: string | undefined;
  #usage: Usage | undefined;
  #firstTextMs: number | undefined;
  #status = 0;
  #isEnded = false;
  /** Whether its end is that of a stream. */
  isStream = false;

  /** `onEnd` is called once. */
  constructor(request: Request, path: string, timeoutMs: number, onEnd: (record: RequestRecord) => void) {
    this.request = request;
    this.#path = path;
    this.#onEnd = onEnd;
    this.#unlink = linkSignal(request.signal, this.#ending);
    if (timeoutMs < Infinity)
      this.#timer = setTimeout(() => this.#ending.abort(timeOver(timeoutMs)), timeoutMs);
  }

  /** Aborted when the client leaves, or the time is over. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Why it was ended early; undefined if it was not. */
  get failure(): ApiFailure | undefined {
    if (!this.signal.aborted) return undefined;
    const reason: unknown = this.signal.reason;
    return reason instanceof ApiFailure ? reason : clientGone(reason);
  }

  /** The client reads no further. */
  leave(reason: unknown): void {
    this.#ending.abort(reason);
  }

  setModel(name: string): void {
    this.#model = name;
  }

  setStatus(status: number): void {
    this.#status = status;
  }

  addUsage({ promptTokens, completionTokens }: Usage): void {
    const before = this.#usage ?? { promptTokens: 0, completionTokens: 0 };
    this.#usage = {
      promptTokens: before.promptTokens + promptTokens,
      completionTokens: before.completionTokens + completionTokens,
    };
  }

  noteText(): void {
    this.#firstTextMs ??= performance.now() - this.startMs;
  }

  /** It is over. Only the first call counts. */
  end(failure?: ApiFailure): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#unlink();
    const isOwnFault = failure && (failure.status >= 500 || failure.status === CLIENT_CLOSED);
    this.#tell({
      method: this.request.method,
      path: this.#path,
      status: failure?.status ?? this.#status,
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...this.#usage,
      ...(this.#firstTextMs === undefined ? {} : { firstTextMs: this.#firstTextMs }),
      totalMs: performance.now() - this.startMs,
      ...(isOwnFault ? { error: failure.cause instanceof Error ? failure.cause : failure } : {}),
    });
  }

  /** What the listener throws is reported as that of an event listener is, and changes no answer. */
  #tell(record: RequestRecord): void {
    try {
      this.#onEnd(record);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function clientGone(cause: unknown): ApiFailure {
  return new ApiFailure({
    status: CLIENT_CLOSED,
    message: "The client closed the request.",
    code: "request_cancelled",
    cause,
  });
}

function timeOver(timeoutMs: number): ApiFailure {
  return new ApiFailure({
    status: 503,
    message: `The answer took longer than ${timeoutMs} ms, which this server gives a request.`,
    code: "timeout",
    // OpenAI's clients would ask again at once.
    headers: { "x-should-retry": "false" },
  });
}
