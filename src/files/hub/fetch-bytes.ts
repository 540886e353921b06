// Fetches from a hub: again after a break, from the byte where it broke, and later if the server asks for time.
import { FetchError } from "../../errors.js";
import { throwIfAborted } from "../../util/signal.js";

export interface HubConnection {
  /** The hub's address, without a slash at its end. */
  readonly url: string;
  /** Sent to the hub alone: not to the storage that it redirects to. */
  readonly token: string | undefined;
  /** Tests wait less. */
  readonly times?: Partial<WaitTimes>;
}

export interface WaitTimes {
  /** The first wait after a failure; each further one is twice as long. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** A connection that brings nothing for so long counts as broken. */
  readonly stalledMs: number;
}

const usualTimes: WaitTimes = { firstMs: 500, mostMs: 60_000, stalledMs: 30_000 };

/** Failures in a row after which a file is given up. A byte that arrives begins a new row. */
const MOST_TRIES = 6;

/** A failure that time may heal. */
class Retriable {
  readonly error: FetchError;
  readonly waitMs: number | undefined;
  constructor(error: FetchError, waitMs?: number) {
    this.error = error;
    this.waitMs = waitMs;
  }
}

export interface ByteRange {
  readonly begin: number;
  /** The byte after the last. */
  readonly end: number;
  /** Of the whole file. */
  readonly size: number;
}

/**
 * Yields the bytes of a range of a file. `onWhole` is called if the server knows no ranges: what is before is then read and thrown
 * away. @throws FetchError when the server refuses, answers something else, or fails too often; CancelledError.
 */
export async function* fetchRange(
  hub: HubConnection,
  url: string,
  { begin, end, size }: ByteRange,
  { signal, onWhole }: { readonly signal?: AbortSignal | undefined; readonly onWhole?: () => void },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let position = begin;
  for (let tries = 0; position < end;) {
    const attempt = new Attempt(hub, url, signal);
    try {
      const response = await attempt.fetch({ Range: `bytes=${position}-${end - 1}` });
      let skip = checkRange(response, url, position, size);
      if (skip > 0 || (response.status === 200 && end < size)) onWhole?.();
      for await (const chunk of attempt.read(response)) {
        const own = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - own.length;
        const wanted = own.subarray(0, end - position);
        if (wanted.length === 0) continue;
        position += wanted.length;
        tries = 0;
        yield wanted;
        if (position === end) return;
      }
      throw new Retriable(broken(url));
    } catch (cause) {
      throwIfAborted(signal, `Downloading ${url}`);
      if (!(cause instanceof Retriable)) throw cause;
      tries++;
      if (tries >= MOST_TRIES) throw cause.error;
      await attempt.wait(cause.waitMs, tries);
    } finally {
      attempt.end();
    }
  }
}

/** The answer to a request for JSON, and its headers. */
export async function fetchJson(
  hub: HubConnection,
  url: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly value: unknown; readonly headers: Headers }> {
  for (let tries = 1; ; tries++) {
    const attempt = new Attempt(hub, url, signal);
    try {
      const response = await attempt.fetch({ Accept: "application/json" });
      let text = "";
      const decoder = new TextDecoder();
      for await (const chunk of attempt.read(response)) text += decoder.decode(chunk, { stream: true });
      try {
        return { value: JSON.parse(text + decoder.decode()) as unknown, headers: response.headers };
      } catch (cause) {
        throw new FetchError({
          url,
          problem: `expected JSON, received text that begins with ${JSON.stringify(text.slice(0, 40))}`,
          remedy: "Check the hub's address.",
          cause,
        });
      }
    } catch (cause) {
      throwIfAborted(signal, `Reading ${url}`);
      if (!(cause instanceof Retriable)) throw cause;
      if (tries >= MOST_TRIES) throw cause.error;
      await attempt.wait(cause.waitMs, tries);
    } finally {
      attempt.end();
    }
  }
}

/** One request, which ends when the caller's signal is aborted or nothing arrives for too long. */
class Attempt {
  readonly #hub: HubConnection;
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #times: WaitTimes;
  readonly #abort = (): void => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(hub: HubConnection, url: string, signal: AbortSignal | undefined) {
    this.#hub = hub;
    this.#url = url;
    this.#signal = signal;
    this.#times = { ...usualTimes, ...hub.times };
    throwIfAborted(signal, `Reading ${url}`);
    signal?.addEventListener("abort", this.#abort);
  }

  /** @throws Retriable, or FetchError for an answer that stays. */
  async fetch(headers: Record<string, string>): Promise<Response> {
    this.#watch();
    const { token, url: hub } = this.#hub;
    // fetch leaves this header out when it follows a redirect to another origin.
    const isOwn = new URL(this.#url).origin === new URL(hub).origin;
    const own = token !== undefined && isOwn ? { Authorization: `Bearer ${token}` } : {};
    let response: Response;
    try {
      response = await fetch(this.#url, {
        headers: { ...headers, ...own },
        signal: this.#controller.signal,
      });
    } catch (cause) {
      throw new Retriable(
        new FetchError({
          url: this.#url,
          problem: "the server did not answer, or a browser may not read it from this page",
          remedy: "Check the connection and the hub's address. Models that are stored load without it.",
          cause,
        }),
      );
    }
    if (response.ok) return response;
    await response.body?.cancel();
    const error = refusal(response, this.#url, token !== undefined);
    if (response.status === 429 || response.status >= 500)
      throw new Retriable(error, askedWaitMs(response.headers));
    throw error;
  }

  /** The chunks of a body. @throws Retriable when the connection breaks or stalls. */
  async *read(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        this.#watch();
        const { value } = await reader.read();
        // Whoever takes the bytes may take their time.
        clearTimeout(this.#timer);
        if (!value) return;
        yield value;
      }
    } catch (cause) {
      throw new Retriable(broken(this.#url, cause));
    } finally {
      // Rejects only if the stream has failed already.
      await reader.cancel().catch(() => undefined);
    }
  }

  async wait(askedMs: number | undefined, tries: number): Promise<void> {
    const { firstMs, mostMs } = this.#times;
    // Clients that failed together come again apart.
    const own = Math.min(mostMs, firstMs * 2 ** (tries - 1)) * (1 + Math.random() / 4);
    const waitMs = askedMs === undefined ? own : Math.min(askedMs, 10 * mostMs);
    let stop!: () => void;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const timer = setTimeout(stop, waitMs);
    this.#signal?.addEventListener("abort", stop);
    await stopped;
    clearTimeout(timer);
    this.#signal?.removeEventListener("abort", stop);
    throwIfAborted(this.#signal, `Reading ${this.#url}`);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#abort, this.#times.stalledMs);
  }
}

/** How many bytes of an answer are before `position`. @throws FetchError for bytes of another file or place. */
function checkRange(response: Response, url: string, position: number, size: number): number {
  const fail = (problem: string): never => {
    throw new FetchError({
      url,
      status: response.status,
      problem,
      remedy: "The server does not give the file as its list says: load again, or from another hub.",
    });
  };
  if (response.headers.get("content-type")?.startsWith("text/html") === true)
    return fail("expected the file, received a web page");
  if (response.status !== 206) {
    const length = response.headers.get("content-length");
    const isEncoded = response.headers.has("content-encoding");
    if (length !== null && !isEncoded && Number(length) !== size)
      return fail(`expected ${size} bytes, as the hub's list says, received ${length}`);
    return position;
  }
  // Across origins a browser may hide this header.
  const range = response.headers.get("content-range");
  if (range === null) return 0;
  const [, begin, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
  if (Number(begin) !== position) return fail(`expected bytes from ${position} on, received ${range}`);
  if (total !== "*" && Number(total) !== size)
    return fail(`expected a file of ${size} bytes, as the hub's list says, received ${range}`);
  return 0;
}

function broken(url: string, cause?: unknown): FetchError {
  return new FetchError({
    url,
    problem: "the connection broke before the end of the file, several times",
    remedy: "Check the connection and load again: what has arrived is kept.",
    cause,
  });
}

/** Seconds until a window of requests ends: "RateLimit: "resolve";r=0;t=55", or Retry-After in seconds. */
function askedWaitMs(headers: Headers): number | undefined {
  const text = /;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1] ?? headers.get("retry-after");
  const seconds = text === null || text === undefined ? NaN : Number(text);
  return Number.isFinite(seconds) ? 1000 * seconds : undefined;
}

function refusal(response: Response, url: string, hasToken: boolean): FetchError {
  const { status, statusText, headers } = response;
  const access = hasToken ? "your token may not read it" : "it asks for a token: pass { token }";
  const [problem, remedy] = ((): [string, string] => {
    switch (headers.get("x-error-code") ?? String(status)) {
      case "RepoNotFound":
      case "401":
        return [
          "there is no such repository, or it is private",
          `Check its name; if it is private, ${access}.`,
        ];
      case "GatedRepo":
      case "403":
        return ["the repository is gated", `Accept its terms on the hub; ${access}.`];
      case "RevisionNotFound":
        return [
          "there is no such revision",
          "Pass a branch, tag or commit of the repository as { revision }.",
        ];
      case "EntryNotFound":
      case "404":
        return ["there is no such file or repository", "Check the names."];
      case "416":
        return ["the file is shorter than the hub's list says", "It changed meanwhile: load again."];
      default:
        return [`the server answered ${status} ${statusText}`.trimEnd(), "Load again later."];
    }
  })();
  return new FetchError({ url, status, problem, remedy });
}
