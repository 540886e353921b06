// `weft batch --redis URL --input FILE`: puts a file of requests on a queue, and collects the results into files as they come.
import { thousands } from "../../../jobs/words.js";
import { exitStatus, watchEnding } from "../../browser/ending-signals.js";
import { print } from "../../terminal/command.js";
import { line } from "../../terminal/print-report.js";
import { BatchProgress } from "../batch-progress.js";
import { isSuccess, resultId } from "../batch-result.js";
import type { SendTask } from "../options.js";
import { describeResults, SOME_FAILED } from "../report.js";
import { checkRequests, readRequests } from "../request-file.js";
import { readEarlierResults, ResultFiles, type EarlierResults, type ResultPaths } from "../result-files.js";
import { openQueue, type BatchQueue } from "./bullmq.js";
import { collectResults, removeCollected } from "./collect-results.js";
import { sendRequests } from "./send-requests.js";

const none: EarlierResults = { ids: new Map(), failed: 0, wholeBytes: new Map() };

export async function sendFile({ queue: place, input, results: paths, attempts }: SendTask): Promise<void> {
  const ending = watchEnding();
  const { first: signal } = ending;
  const earlier = paths ? await readEarlierResults(paths) : none;
  const { all, left } = await checkRequests(input, earlier.ids);
  if (all > left)
    print([line("resumed", `${thousands(all - left)} of ${thousands(all)} were answered before`)]);
  const progress = new BatchProgress();
  const queue = await openQueue(place, ({ message }) => progress.say(`Redis is away: ${message}`));
  /** Custom_ids by the ids of jobs. */
  const pending = new Map<string, string>();
  let sent = 0;
  try {
    await removeCollected(queue, earlier.ids.values());
    await sendRequests(queue, readRequests(input, earlier.ids), {
      attempts,
      signal,
      onSent(requests) {
        sent += requests.length;
        if (paths) for (const request of requests) pending.set(resultId(request), request.customId);
        progress.count("Sent", all - left + sent, all, 0);
      },
    });
    progress.end();
    print([line("sent", `${thousands(sent)} to the queue ${place.name}`)]);
    if (paths) await collect(queue, pending, { paths, earlier, all, left, progress, signal });
  } finally {
    progress.end();
    await queue.close();
  }
  if (ending.name !== undefined && (pending.size > 0 || sent < left)) {
    print(["Ended. What is on the queue stays there: the same command goes on from here."]);
    process.exitCode = exitStatus(ending.name);
  }
}

interface Collection {
  readonly paths: ResultPaths;
  readonly earlier: EarlierResults;
  readonly all: number;
  readonly left: number;
  readonly progress: BatchProgress;
  readonly signal: AbortSignal;
}

async function collect(
  queue: BatchQueue,
  pending: Map<string, string>,
  { paths, earlier, all, left, progress, signal }: Collection,
): Promise<void> {
  let [done, failed] = [all - left, earlier.failed];
  const results = await ResultFiles.open(paths, earlier);
  let missing = 0;
  try {
    missing = await collectResults(queue, pending, {
      signal,
      async onResult(result) {
        await results.add(result);
        done++;
        if (!isSuccess(result)) failed++;
        progress.count("Answered", done, all, failed);
      },
    });
  } finally {
    await results.close();
  }
  progress.end();
  print(describeResults({ paths, all, done, failed }));
  if (missing > 0)
    throw new Error(
      `${thousands(missing)} requests are no longer on the queue, and have no result: give the same command again to send them once more`,
    );
  if (done === all && failed > 0) process.exitCode = SOME_FAILED;
}
