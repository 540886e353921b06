// A tab's worker as the host of other tabs: it has a session for each page that asks for it, until the page's lock is free.
import { holdLock } from "../held-lock.js";
import { ModelHost } from "../model-host.js";
import { PageSession } from "../page-session.js";
import type { HallMessage, Opening, ToHost, ToSession } from "./tab-messages.js";

type Line = MessagePort | BroadcastChannel;

export class TabHost {
  readonly #id: string;
  readonly #hall: BroadcastChannel;
  readonly #close: () => void;
  readonly #lines = new Map<string, Line>();
  readonly #host: ModelHost;
  #isTrained = false;

  /** `close` ends the worker when no session is left. */
  constructor({ hall, host, session, lock }: Opening, port: MessagePort, close: () => void) {
    this.#id = host;
    this.#close = close;
    this.#host = new ModelHost(
      () => undefined,
      () => {
        this.#isTrained = true;
        for (const line of this.#lines.values()) this.#say(line);
      },
    );
    this.#hall = new BroadcastChannel(hall);
    void this.#open(session, lock, port);
  }

  async #open(session: string, lock: string, port: MessagePort): Promise<void> {
    // Who hears of this host may watch its lock at once.
    await holdLock(this.#id);
    this.#hall.addEventListener("message", ({ data }: MessageEvent<HallMessage>) => {
      if ("session" in data) this.#admit(data.session, data.lock);
    });
    this.#admit(session, lock, port);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
    this.#hall.postMessage({ host: this.#id } satisfies HallMessage);
  }

  #admit(session: string, lock: string, port?: MessagePort): void {
    let line = this.#lines.get(session);
    if (!line) {
      line = port ?? new BroadcastChannel(session);
      this.#serve(session, lock, line);
    }
    this.#say(line);
  }

  #serve(name: string, lock: string, line: Line): void {
    const session = new PageSession(this.#host, {
      postMessage: (replies, transfer) => {
        // What still comes of a session that has ended is nobody's.
        if (this.#lines.get(name) === line) this.#say(line, replies, transfer);
      },
    });
    line.addEventListener("message", (event) => {
      const { host, request } = (event as MessageEvent<ToHost>).data;
      if (host === this.#id) session.take(request);
    });
    if (line instanceof MessagePort) line.start();
    this.#lines.set(name, line);
    void navigator.locks.request(lock, () => {
      session.take({ leave: true });
      this.#lines.delete(name);
      line.close();
      if (this.#lines.size === 0) this.#close();
    });
  }

  #say(line: Line, replies: ToSession["replies"] = [], transfer: Transferable[] = []): void {
    const message: ToSession = { host: this.#id, isTrained: this.#isTrained, replies };
    if (line instanceof MessagePort) line.postMessage(message, transfer);
    // It can transfer nothing, and copies.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
    else line.postMessage(message);
  }
}
