// Serves a handler of fetch's requests over HTTP, and ends without breaking off what is being answered.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Handler } from "../../openai/index.js";

export interface ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** How often connections are looked for that have nothing more to do. */
const LOOK_MS = 50;

export class ApiServer {
  readonly #server: Server;
  readonly #state: { isEnding: boolean };

  private constructor(server: Server, state: { isEnding: boolean }) {
    this.#server = server;
    this.#state = state;
  }

  /** Listens. Rejects if it cannot, such as where another program has the port. */
  static async listen(handler: Handler, { host, port }: ServerOptions): Promise<ApiServer> {
    const state = { isEnding: false };
    const app = new Hono();
    app.use(async (context, next) => {
      await next();
      // The client is not to keep a connection that is about to end.
      if (state.isEnding) context.res.headers.set("connection", "close");
    });
    app.all("*", (context) => (state.isEnding ? ending(context.req.path) : handler(context.req.raw)));
    const server = await new Promise<Server>((resolve, reject) => {
      const own = serve({ fetch: app.fetch, hostname: host, port }, () => resolve(own)) as Server;
      own.once("error", reject);
    });
    return new ApiServer(server, state);
  }

  /** Where clients find it. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /**
   * Takes no more requests, waits until those that were taken are answered, and resolves with whether all were. After `mostMs`, or
   * when `signal` aborts, connections are broken off, which ends their generations.
   */
  async end(mostMs: number, signal: AbortSignal): Promise<boolean> {
    this.#state.isEnding = true;
    let isComplete = true;
    const breakOff = (): void => {
      isComplete = false;
      this.#server.closeAllConnections();
    };
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(breakOff, mostMs);
    const looking = setInterval(() => this.#server.closeIdleConnections(), LOOK_MS);
    signal.addEventListener("abort", breakOff, { once: true });
    if (signal.aborted) breakOff();
    await closed;
    clearTimeout(timer);
    clearInterval(looking);
    signal.removeEventListener("abort", breakOff);
    return isComplete;
  }
}

/** What a request gets that comes over a connection from before. */
function ending(path: string): Response {
  if (path === "/health") return Response.json({ status: "ending" }, { status: 503 });
  const error = {
    message: "This server is about to end, and takes no more requests.",
    type: "server_error",
    param: null,
    code: "server_ending",
  };
  return Response.json({ error }, { status: 503, headers: { "retry-after": "1" } });
}
