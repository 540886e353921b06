// A hub on loopback that behaves as the real one does, and misbehaves on request: it stalls, cuts, refuses and answers wrong things.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

/** What the next answers to requests of a file do wrong. The first that returns true has answered. */
export type Fault = (request: IncomingMessage, response: ServerResponse, file: Uint8Array) => boolean;

/** What a slow network sends at once. */
const SLICE_BYTES = 65536;

export class HubServer {
  readonly files: Map<string, Uint8Array> = new Map();
  readonly commit: string = "0123456789abcdef0123456789abcdef01234567";
  /** Method, path and range of every request. */
  readonly requests: { readonly path: string; readonly range: string; readonly authorization: string }[] = [];
  /** Applied to requests of large files, from the front. */
  readonly faults: Fault[] = [];
  /** Applied to requests of lists and revisions. */
  readonly apiFaults: Fault[] = [];
  /** Asked for in the header of every request. */
  token: string | undefined;
  /** Another origin that large files are redirected to, as the real hub does. */
  storage: HubServer | undefined;
  /** Whether SHA-256 of files are listed. */
  hasHashes = true;
  hasRanges = true;
  /** Bytes per second of large files, over all connections together: a network's. Undefined: as fast as loopback is. */
  bytesPerSecond: number | undefined;
  /** When the network has sent what it was given. */
  #busyUntilMs = 0;
  /** Files of a page of the list. */
  pageSize = 100;
  #server: Server | undefined;
  url = "";

  async start(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve) => this.#server!.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.url = typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    // Pages of any origin may read, as from the real hub.
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "authorization, range");
    response.setHeader("access-control-expose-headers", "content-range, link, ratelimit, x-error-code");
    if (request.method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    const { range = "", authorization = "" } = request.headers;
    this.requests.push({ path: pathname, range, authorization });
    if (this.token !== undefined && authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { "x-error-code": "RepoNotFound" }).end("Unauthorized");
      return;
    }
    const [, tree] = /^\/api\/models\/own\/model\/tree\/(.*)$/.exec(pathname) ?? [];
    const [, revision] = /^\/api\/models\/own\/model\/revision\/(.*)$/.exec(pathname) ?? [];
    const [, path] = /^\/own\/model\/resolve\/[0-9a-f]{40}\/(.*)$/.exec(pathname) ?? [];
    if ((tree ?? revision) !== undefined) {
      const fault = this.apiFaults.shift();
      if (fault?.(request, response, new Uint8Array())) return;
    }
    if (tree === this.commit) return this.#list(response, Number(searchParams.get("cursor") ?? 0));
    if (revision === "main") return json(response, { sha: this.commit });
    if (revision !== undefined) {
      response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      return;
    }
    const file = path === undefined ? undefined : this.files.get(decodeURIComponent(path));
    if (!file) {
      response
        .writeHead(404, { "x-error-code": path === undefined ? "RepoNotFound" : "EntryNotFound" })
        .end();
      return;
    }
    if (this.storage && file.length > 1000) {
      response.writeHead(302, { location: `${this.storage.url}${pathname}` }).end();
      return;
    }
    const fault = file.length > 1000 ? this.faults.shift() : undefined;
    if (fault?.(request, response, file)) return;
    const isSlow = this.bytesPerSecond !== undefined && file.length > 1000;
    // Clients may end a connection when they like.
    const send = async (part: Uint8Array): Promise<void> =>
      pipeline(this.#slowly(part), response).catch(() => undefined);
    sendFile(request, response, file, this.hasRanges, isSlow ? send : undefined);
  }

  /** A body at the network's speed. Connections take turns: each part waits for what was sent before. */
  async *#slowly(part: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      const slice = part.subarray(at, at + SLICE_BYTES);
      const beginMs = Math.max(this.#busyUntilMs, performance.now());
      this.#busyUntilMs = beginMs + (1000 * slice.length) / this.bytesPerSecond!;
      const waitMs = this.#busyUntilMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      yield slice;
    }
  }

  #list(response: ServerResponse, first: number): void {
    const all = [...this.files];
    const entries = all.slice(first, first + this.pageSize).map(([path, content]) => {
      const oid = createHash("sha256").update(content).digest("hex");
      const lfs =
        this.hasHashes && content.length > 1000
          ? { lfs: { oid, size: content.length, pointerSize: 130 } }
          : {};
      return { type: "file", path, oid: "0".repeat(40), size: content.length, ...lfs };
    });
    const next = first + this.pageSize;
    if (next < all.length)
      response.setHeader(
        "link",
        `<${this.url}/api/models/own/model/tree/${this.commit}?cursor=${next}>; rel="next"`,
      );
    json(response, [{ type: "directory", path: "sub", oid: "0".repeat(40), size: 0 }, ...entries]);
  }
}

export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: Uint8Array,
  hasRanges: boolean = true,
  /** Sends the body in its own way. Default: at once. */
  send?: (part: Uint8Array) => Promise<void>,
): void {
  const end = (part: Uint8Array): void => {
    if (send) void send(part);
    else response.end(part);
  };
  const [, begin, until] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  if (begin === undefined || !hasRanges) {
    response.writeHead(200, { "content-length": file.length });
    end(file);
    return;
  }
  const last = until ? Math.min(Number(until), file.length - 1) : file.length - 1;
  if (Number(begin) > last) {
    response.writeHead(416, { "content-range": `bytes */${file.length}` }).end();
    return;
  }
  const part = file.subarray(Number(begin), last + 1);
  response.writeHead(206, {
    "content-length": part.length,
    "content-range": `bytes ${begin}-${last}/${file.length}`,
  });
  end(part);
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}
