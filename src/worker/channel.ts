// The ways from a page to a worker: one of its own, one that is shared, or that of a tab where none can be shared.
// Knows nothing of what is sent.
import { WorkerError } from "../errors.js";
import type { Request } from "./messages.js";

export interface Channel {
  /** Where its replies come, and where it is said that its script fails. */
  readonly replies: EventTarget;
  readonly scripts: EventTarget;
  /** How pages share the worker, if they do. */
  readonly sharedBy?: "worker" | "tab";
  start(): void;
  post(request: Request): void;
  end(): void;
}

/** The way to the worker that pages share by this name; without one, to a worker of the page's own. @throws WorkerError */
export function openChannel(shared: string | undefined): Channel {
  if (shared === undefined) return startWorker();
  // Without locks nobody would know that a page is gone.
  if (globalThis.navigator?.locks) {
    if (typeof SharedWorker === "function") return connectWorker(shared);
    if (typeof Worker === "function" && typeof BroadcastChannel === "function") return connectTabs(shared);
  }
  throw new WorkerError({
    reason: "unsupported",
    problem: "This environment has no SharedWorker and nothing that could stand in for it, or no locks",
    remedy: "Leave out `shared`: the page gets a worker and a model of its own.",
  });
}

export function startWorker(): Channel {
  if (typeof Worker !== "function") {
    throw new WorkerError({
      reason: "unsupported",
      problem: "This environment has no Worker",
      remedy:
        'Use Model of "weft-webgpu": the API is the same, and where there is no page, there is none to hold up.',
    });
  }
  const worker = newWorker();
  return {
    replies: worker,
    scripts: worker,
    start: () => undefined,
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, no window
    post: (request) => worker.postMessage(request),
    end: () => worker.terminate(),
  };
}

function newWorker(): Worker {
  try {
    // Bundlers look for exactly this expression and take the file beside the built module. The comment keeps weft's own
    // build from doing that; the built module does not contain it.
    return new Worker(new URL(/* @vite-ignore */ "./model-worker.js", import.meta.url), {
      type: "module",
    });
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
}

function connectWorker(name: string): Channel {
  try {
    const worker = new SharedWorker(new URL(/* @vite-ignore */ "./model-worker.js", import.meta.url), {
      type: "module",
      name: `weft ${name}`,
    });
    const { port } = worker;
    return {
      replies: port,
      scripts: worker,
      sharedBy: "worker",
      start: () => port.start(),
      post: (request) => port.postMessage(request),
      end() {
        port.postMessage({ leave: true } satisfies Request);
        port.close();
      },
    };
  } catch (cause) {
    throw failed((cause as Error).message, cause);
  }
}

/** What it takes is a file of its own, as most pages need none of it. Until that has come, requests wait in their order. */
function connectTabs(name: string): Channel {
  const [replies, scripts] = [new EventTarget(), new EventTarget()];
  // If it can't be loaded, that is said as of the worker's script, which lies beside it. (What says so elsewhere, `loadPart`, is of the
  // runtime, which this page does not load.)
  const fail = ({ message }: Error): void => void scripts.dispatchEvent(new ErrorEvent("error", { message }));
  const arriving = import("./tabs/tab-session.js").then(
    ({ TabSession }) => new TabSession(name, newWorker, replies, scripts),
  );
  arriving.catch(() => undefined); // said with the first request, which may come later
  return {
    replies,
    scripts,
    sharedBy: "tab",
    start: () => undefined,
    post(request) {
      // At once, so that what can't be copied is refused, and what the caller changes later is not.
      const copy = structuredClone(request);
      arriving.then((session) => session.post(copy)).catch(fail);
    },
    end: () => void arriving.then((session) => session.end()).catch(() => undefined),
  };
}

export function failed(problem: string, cause?: unknown): WorkerError {
  return new WorkerError({
    reason: "failed",
    problem: `The model's worker failed: ${problem}`,
    remedy:
      "Serve weft from the page's own origin, with all files of the package that lie beside weft-webgpu/worker; if it had begun " +
      "to work, load the model again.",
    cause,
  });
}
