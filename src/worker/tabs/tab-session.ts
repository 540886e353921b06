// A page's end of the way to the model of all tabs, where no worker can be shared. The tab that holds the lock of the model's name has
// the worker; when it is gone, the lock is the next one's, and this session goes on with that one's worker.
import { WorkerError } from "../../errors.js";
import { recordError } from "../error-record.js";
import { readKept } from "../lent-storage.js";
import type { Loaded, PageFacts, Reply, Request } from "../messages.js";
import type { HallMessage, Opening, Seeking, ToHost, ToSession } from "./tab-messages.js";

type Call = Extract<Request, { readonly call: number }>;

export class TabSession {
  /** The name of the hall, and of the lock of the tab that has the worker. */
  readonly #hallName: string;
  readonly #newWorker: () => Worker;
  readonly #replies: EventTarget;
  readonly #scripts: EventTarget;
  readonly #session = `weft tab ${crypto.randomUUID()}`;
  readonly #hall: BroadcastChannel;
  readonly #line = new BroadcastChannel(this.#session);
  readonly #ending = new AbortController();
  /** Calls whose results have not come, in their order. Those made while no model is loaded are yet to be sent. */
  readonly #open = new Map<number, Call>();
  /** How the model is loaded, by each host anew. */
  #load: Call | undefined;
  #host: { readonly id: string; readonly post: (message: ToHost) => void } | undefined;
  /** Whether the present host, and whether any has loaded the model. */
  #isLoaded = false;
  #wasLoaded = false;
  #isTrained = false;

  /** Says replies, and that nothing goes on, by events on `replies` and `scripts`. Does nothing before the call "load". */
  constructor(name: string, newWorker: () => Worker, replies: EventTarget, scripts: EventTarget) {
    this.#hallName = `weft tabs ${name}`;
    this.#newWorker = newWorker;
    this.#replies = replies;
    this.#scripts = scripts;
    this.#hall = new BroadcastChannel(this.#hallName);
  }

  post(request: Request): void {
    if ("leave" in request) return; // its page's lock says so
    if ("abort" in request) {
      const call = this.#open.get(request.abort);
      if (this.#isLoaded) this.#send(request);
      // A host knows what comes of a call that is aborted before it begins.
      else if (call) this.#open.set(call.call, { ...call, isAborted: true });
    } else if (request.method === "load") this.#begin(request);
    else {
      this.#open.set(request.call, request);
      if (this.#isLoaded) this.#send(request);
    }
  }

  /** The worker goes on for other tabs, and closes after the last. */
  end(): void {
    this.#ending.abort();
    this.#hall.close();
    this.#line.close();
  }

  get #facts(): PageFacts {
    return this.#load!.args.at(-1) as PageFacts;
  }

  #begin(load: Call): void {
    this.#load = load;
    this.#hall.addEventListener("message", ({ data }: MessageEvent<HallMessage>) => {
      if ("host" in data) this.#seek();
    });
    this.#line.addEventListener("message", ({ data }: MessageEvent<ToSession>) =>
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
      this.#hear(data, (message) => this.#line.postMessage(message)),
    );
    this.#line.addEventListener("messageerror", () => this.#fail("an answer could not be read"));
    this.#seek();
    const { signal } = this.#ending;
    navigator.locks.request(this.#hallName, { signal }, () => this.#own()).catch(() => undefined);
  }

  #seek(): void {
    const { ownLock } = this.#facts;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel, no window
    this.#hall.postMessage({ session: this.#session, lock: ownLock! } satisfies Seeking);
  }

  /** Has the worker, until that ends. */
  async #own(): Promise<void> {
    const { signal } = this.#ending;
    const host = `weft host ${crypto.randomUUID()}`;
    const { port1, port2 } = new MessageChannel();
    let worker: Worker;
    try {
      worker = this.#newWorker();
    } catch (error) {
      return this.#fail((error as Error).message);
    }
    const problem = await new Promise<string>((resolve) => {
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        resolve(event.message || "its script could not be loaded");
      });
      const giveUp = (): void => resolve("");
      signal.addEventListener("abort", giveUp);
      const hearFirst = (): void => {
        // From now on it may have sessions of other tabs, so it ends by itself.
        signal.removeEventListener("abort", giveUp);
        void navigator.locks.request(host, () => resolve("it was ended"));
      };
      port1.addEventListener("message", hearFirst, { once: true });
      port1.addEventListener("message", ({ data }: MessageEvent<ToSession>) =>
        this.#hear(data, (message) => port1.postMessage(message)),
      );
      port1.start();
      const opening: Opening = {
        hall: this.#hallName,
        host,
        session: this.#session,
        lock: this.#facts.ownLock!,
      };
      worker.postMessage(opening, [port2]);
    });
    worker.terminate();
    port1.close();
    // This tab's own worker has broken. The others try theirs; this one would break it again.
    this.#fail(problem);
  }

  #hear({ host: id, isTrained, replies }: ToSession, post: (message: ToHost) => void): void {
    if (this.#ending.signal.aborted) return;
    if (id !== this.#host?.id) {
      // Answers come late of one that is gone. So may its welcome: a living one that is passed over is asked again.
      if (this.#host || replies.length > 0) return;
      this.#follow(id, post);
    }
    this.#isTrained ||= isTrained;
    for (const reply of replies) this.#take(reply);
  }

  #follow(id: string, post: (message: ToHost) => void): void {
    this.#host = { id, post };
    const { signal } = this.#ending;
    navigator.locks.request(id, { signal }, () => this.#lose()).catch(() => undefined);
    const page: PageFacts = { ...this.#facts, kept: readKept() };
    this.#send({ ...this.#load!, args: [...this.#load!.args.slice(0, -1), page] });
  }

  /** The host is gone. */
  #lose(): void {
    this.#host = undefined;
    if (this.#isTrained && this.#wasLoaded)
      return this.#fail("it had trained weights, which are gone with their tab");
    this.#isTrained = false;
    const sent = this.#isLoaded ? [...this.#open.values()] : [];
    this.#isLoaded = false;
    const error = recordError(moved());
    for (const { call, method } of sent)
      // Watches wait for nothing, and go on with the next one.
      if (!method.startsWith("watch")) this.#take({ call, error });
    // The next one may have come already.
    this.#seek();
  }

  #take(reply: Reply): void {
    if (!("event" in reply)) {
      if (reply.call === this.#load!.call) return this.#takeLoad(reply);
      this.#open.delete(reply.call);
    }
    this.#tell(reply);
  }

  #takeLoad(reply: Exclude<Reply, { readonly event: unknown }>): void {
    if ("error" in reply) {
      if (!this.#wasLoaded) return this.#tell(reply);
      const { error } = reply;
      const why = "message" in error ? error.message : error.thrown;
      return this.#fail(`the tab that had the model is gone, and here it can't be loaded: ${why}`);
    }
    this.#isLoaded = true;
    if (this.#wasLoaded) {
      const { info } = reply.value as Loaded;
      for (const { call, method } of this.#open.values())
        if (method === "watchRecovery") this.#tell({ call, event: { info } });
    } else this.#tell(reply);
    this.#wasLoaded = true;
    for (const call of this.#open.values()) this.#send(call);
  }

  #send(request: Request): void {
    const host = this.#host!;
    host.post({ host: host.id, request });
  }

  #tell(reply: Reply): void {
    this.#replies.dispatchEvent(new MessageEvent("message", { data: [reply] }));
  }

  #fail(message: string): void {
    if (!this.#ending.signal.aborted) this.#scripts.dispatchEvent(new ErrorEvent("error", { message }));
  }
}

function moved(): WorkerError {
  return new WorkerError({
    reason: "moved",
    problem: "The tab that had the shared model was closed during the call",
    remedy: "Call again: the next tab loads the model, and calls wait for it.",
  });
}
