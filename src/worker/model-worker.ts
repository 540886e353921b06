// The worker's script: a model, and a session for the page that has started it; in a shared worker, for every page that connects.
import type { Reply, Request } from "./messages.js";
import { ModelHost } from "./model-host.js";
import { PageSession } from "./page-session.js";

/** The global scope of a worker, dedicated or shared. TypeScript knows that of a page only. */
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
  addEventListener(type: "connect", listener: (event: MessageEvent) => void): void;
  /** Absent in a shared one. */
  readonly postMessage?: (replies: readonly Reply[], transfer: readonly Transferable[]) => void;
  close(): void;
};

if (scope.postMessage) {
  // Its page ends it.
  const session = new PageSession(new ModelHost(() => undefined), {
    postMessage: (replies, transfer) => scope.postMessage!(replies, transfer),
  });
  scope.addEventListener("message", ({ data }) => session.take(data));
} else {
  const host = new ModelHost(() => scope.close());
  scope.addEventListener("connect", ({ ports }) => {
    const [port] = ports as readonly [MessagePort];
    const session = new PageSession(host, port);
    port.addEventListener("message", ({ data }: MessageEvent<Request>) => session.take(data));
    port.start();
  });
}
