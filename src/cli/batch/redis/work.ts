// `weft batch --redis URL`: loads models and answers what is on a queue, until it is asked to end.
import { watchEnding } from "../../browser/ending-signals.js";
import { Log } from "../../serve/log.js";
import { ApiServer } from "../../serve/server.js";
import type { Handler } from "../../../openai/index.js";
import { loadModels } from "../load-models.js";
import type { WorkTask } from "../options.js";
import { expectRedis, loadBullMq } from "./bullmq.js";
import { QueueWorker, type QueueEvent } from "./queue-worker.js";

export async function work({ models, queue, leaseMs, drainMs, listen, isJson }: WorkTask): Promise<void> {
  const log = new Log(isJson, (line) => process.stdout.write(`${line}\n`));
  const ending = watchEnding();
  // What is missing is said before a model is loaded.
  await loadBullMq();
  await expectRedis(queue);
  let last = "";
  try {
    await using loaded = await loadModels(models, {
      signal: ending.first,
      onStep(words) {
        if (words !== last) log.add({ event: "loading", step: words }, `${words} …`);
        last = words;
      },
      // What became of a request is told by its job.
      onRequest: () => undefined,
    });
    await using state = listen && (await serveState(loaded.handler, listen));
    const worker = await QueueWorker.start(queue, {
      handler: loaded.handler,
      concurrency: models.concurrency,
      leaseMs,
      onEvent: (event) => addEvent(log, event),
    });
    const names = [...loaded.models.keys()];
    log.add(
      { event: "working", queue: queue.name, models: names, ...(state ? { url: state.url } : {}) },
      `Answering the queue ${queue.name} with ${names.join(", ")}${state ? `; /health and /metrics are at ${state.url}` : ""}`,
    );
    await untilAborted(AbortSignal.any([worker.broken, ending.first]));
    log.add({ event: "ending", drainMs }, "Ending: answers that are being written go on");
    await worker.end(worker.broken.aborted ? 0 : drainMs, ending.second);
    log.add({ event: "ended" }, "Ended");
    if (worker.broken.aborted)
      throw new Error(
        `the model does not answer any more (${worker.broken.reason as string}). What it had taken is on the queue again`,
      );
  } catch (error) {
    // It was asked to end while it loaded: nothing was taken.
    if (!ending.first.aborted) throw error;
  }
}

function addEvent(log: Log, event: QueueEvent): void {
  switch (event.kind) {
    case "ended":
      return log.add(
        { event: "answered", id: event.id, status: event.status },
        `${event.id} ${event.status}`,
      );
    case "failed": {
      const name = event.isLast ? "dead letter" : "failed";
      return log.add(
        { event: name, id: event.id, problem: event.problem },
        `${event.id} ${name}: ${event.problem}`,
      );
    }
    case "stalled":
      return log.add(
        { event: "stalled", id: event.id },
        `${event.id} was taken by a worker that fell silent`,
      );
    case "problem":
      return log.add({ event: "problem", problem: event.error.message }, `The queue: ${event.error.message}`);
    default:
      return event satisfies never;
  }
}

interface ServedState extends AsyncDisposable {
  readonly url: string;
}

/** /health and /metrics: a worker answers no other requests than those of its queue. */
async function serveState(
  handler: Handler,
  place: { readonly host: string; readonly port: number },
): Promise<ServedState> {
  const server = await ApiServer.listen(
    async (request) =>
      ["/health", "/metrics"].includes(new URL(request.url).pathname)
        ? handler(request)
        : new Response(null, { status: 404 }),
    place,
  );
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => void (await server.end(0, AbortSignal.abort())),
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
