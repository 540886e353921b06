// `weft batch --redis URL --input FILE --cancel`: takes the requests of a file from a queue, with results that nobody collected.
import { thousands } from "../../../jobs/words.js";
import { print } from "../../terminal/command.js";
import { line } from "../../terminal/print-report.js";
import { BatchProgress } from "../batch-progress.js";
import { resultId } from "../batch-result.js";
import type { CancelTask } from "../options.js";
import { checkRequests, readRequests } from "../request-file.js";
import { openQueue } from "./bullmq.js";

export async function cancelFile({ queue: place, input }: CancelTask): Promise<void> {
  const results = new Map<string, string>();
  const { all } = await checkRequests(input, results);
  const progress = new BatchProgress();
  const queue = await openQueue(place, ({ message }) => progress.say(`Redis is away: ${message}`));
  let [removed, active, done] = [0, 0, 0];
  try {
    for await (const request of readRequests(input, results)) {
      const id = resultId(request);
      // What is not there can be removed too.
      const isThere = (await queue.getJobState(id)) !== "unknown";
      if (isThere && (await queue.remove(id)) === 1) removed++;
      else if (isThere) active++;
      progress.count("Looked at", ++done, all, 0);
    }
  } finally {
    progress.end();
    await queue.close();
  }
  print([
    line("cancelled", `${thousands(removed)} of ${thousands(all)}`),
    ...(active > 0 ? [line("", `${thousands(active)} are being answered, and were left`)] : []),
  ]);
}
