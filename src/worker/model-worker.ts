// The worker's script: a model, and a session for the page that has started it; in a shared worker, for every page that connects, and
// where no worker can be shared, for every tab that asks for the one of this tab.
import type { Reply, Request } from "./messages.js";
import { ModelHost } from "./model-host.js";
import { PageSession } from "./page-session.js";
import { TabHost } from "./tabs/tab-host.js";
import type { Opening } from "./tabs/tab-messages.js";

/** The global scope of a worker, dedicated or shared. TypeScript knows that of a page only. */
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent<Request | Opening>) => void): void;
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
  scope.addEventListener("message", ({ data, ports }) => {
    if ("hall" in data) void new TabHost(data, ports[0]!, () => scope.close());
    else session.take(data);
  });
} else {
  const host = new ModelHost(() => scope.close());
  scope.addEventListener("connect", ({ ports }) => {
    const [port] = ports as readonly [MessagePort];
    const session = new PageSession(host, port);
    port.addEventListener("message", ({ data }: MessageEvent<Request>) => session.take(data));
    port.start();
  });
}
