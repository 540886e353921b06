// A model folder behind http(s), or any other scheme that `fetch` can read.
import { FetchError } from "../errors.js";
import { throwIfAborted } from "../util/signal.js";
import type { ModelFolder, OpenFile } from "./model-folder.js";
import { openStream } from "./open-stream.js";
import { skipBytes } from "./skip-bytes.js";
import { StallWatch } from "./stall-watch.js";

/**
 * A folder whose files are fetched from `base`; a query string of `base` is sent with every file. A server that sends nothing for
 * `stallMs` is given up; without it, it is waited for.
 */
export class HttpFolder implements ModelFolder {
  readonly location: string;
  readonly #base: URL;
  readonly #stallMs: number | undefined;

  constructor(base: URL, stallMs?: number) {
    this.#stallMs = stallMs;
    this.#base = new URL(base);
    this.#base.hash = "";
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.location = this.#base.href;
  }

  async open(name: string, signal?: AbortSignal, from: number = 0): Promise<OpenFile | undefined> {
    const url = new URL(this.#base);
    url.pathname += name;
    throwIfAborted(signal, `Reading ${url.href}`);
    const watch = this.#stallMs === undefined ? undefined : new StallWatch(url.href, this.#stallMs, signal);
    const answer = fetch(url, {
      signal: watch?.signal ?? signal ?? null,
      ...(from === 0 ? {} : { headers: { Range: `bytes=${from}-` } }),
    });
    try {
      const response = await this.#answerOf(url, watch ? watch.wait(answer) : answer, signal);
      if (response?.body) return openAnswer(response, response.body, { url: url.href, from, signal, watch });
    } catch (error) {
      watch?.end();
      throw error;
    }
    watch?.end();
    return undefined;
  }

  /** The answer if it has the file, undefined if there is none. @throws FetchError for any other. */
  async #answerOf(
    url: URL,
    answer: Promise<Response>,
    signal: AbortSignal | undefined,
  ): Promise<Response | undefined> {
    const response = await answer.catch((cause: unknown) => {
      throwIfAborted(signal, `Reading ${url.href}`);
      if (cause instanceof FetchError) throw cause;
      throw new FetchError({
        url: url.href,
        problem: "the server did not answer, or a browser may not read it from this page",
        remedy: "Check the address and the connection; another origin must allow this page by CORS headers.",
        cause,
      });
    });
    if (isMissing(response)) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      throw new FetchError({
        url: url.href,
        status: response.status,
        problem: `the server answered ${response.status} ${response.statusText}`.trimEnd(),
        remedy: "Check the address and whether it asks for a login; retry later if the server is at fault.",
      });
    }
    return response;
  }
}

interface Asked {
  readonly url: string;
  readonly from: number;
  readonly signal: AbortSignal | undefined;
  readonly watch: StallWatch | undefined;
}

function openAnswer(
  response: Response,
  body: ReadableStream<Uint8Array>,
  { url, from, signal, watch }: Asked,
): OpenFile {
  const hasRange = from === 0 || isRangeFrom(response, url, from);
  const file = openStream(body, url, certainSize(response), signal, watch);
  // A server that knows no ranges sends the whole file.
  return hasRange ? file : skipBytes(file, from);
}

/** Servers of single-page sites send their page with status 200 for a missing file. No model file is HTML. */
function isMissing({ status, ok, headers }: Response): boolean {
  const isPage = /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
  return status === 404 || status === 410 || status === 204 || (ok && isPage);
}

/** Whether the answer has the bytes from `from` on, rather than the whole file. @throws FetchError for other bytes. */
function isRangeFrom(response: Response, url: string, from: number): boolean {
  if (response.status !== 206) return false;
  // Across origins a browser may hide this header.
  const range = response.headers.get("content-range");
  if (range === null || range.startsWith(`bytes ${from}-`)) return true;
  throw new FetchError({
    url,
    status: 206,
    problem: `expected the bytes from ${from} on, the server sent ${range}`,
    remedy: "The server answers ranges wrongly: load the model from another address.",
  });
}

/** Content-Length counts encoded bytes, and across origins a browser does not tell whether they are encoded. */
function certainSize(response: Response): number | undefined {
  const length = response.headers.get("content-length");
  if (length === null || response.headers.has("content-encoding") || response.type === "cors") {
    return undefined;
  }
  return Number(length);
}
