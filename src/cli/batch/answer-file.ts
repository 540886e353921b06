// `weft batch` on this machine: from a file of requests to its results, and what is printed about it.
import { thousands } from "../../jobs/words.js";
import type { Model } from "../../index.js";
import { exitStatus, watchEnding } from "../browser/ending-signals.js";
import { print } from "../terminal/command.js";
import { describeModel, line } from "../terminal/print-report.js";
import { BatchProgress } from "./batch-progress.js";
import { loadModels } from "./load-models.js";
import type { FileTask } from "./options.js";
import { describeResults, SOME_FAILED } from "./report.js";
import { checkRequests, readRequests } from "./request-file.js";
import { readEarlierResults, ResultFiles } from "./result-files.js";
import { runRequests } from "./run-file.js";

export async function answerFile(task: FileTask): Promise<void> {
  const { input, results: paths, attempts, models } = task;
  const ending = watchEnding();
  const { first: signal } = ending;
  const earlier = await readEarlierResults(paths);
  const { all, left } = await checkRequests(input, earlier.ids);
  if (all > left)
    print([line("resumed", `${thousands(all - left)} of ${thousands(all)} were answered before`)]);
  let [done, failed, read, written] = [all - left, earlier.failed, 0, 0];
  const progress = new BatchProgress();
  let computedMs = 0;
  try {
    if (left > 0) {
      await using loaded = await loadModels(models, {
        signal,
        onStep: (words, part) => progress.say(words, part),
        onRequest({ promptTokens = 0, completionTokens = 0 }) {
          read += promptTokens;
          written += completionTokens;
        },
      });
      progress.end();
      print(describeModels(loaded.models));
      const results = await ResultFiles.open(paths, earlier);
      const startMs = performance.now();
      try {
        progress.count("Answered", done, all, failed);
        await runRequests({
          handler: loaded.handler,
          requests: readRequests(input, earlier.ids),
          results,
          concurrency: models.concurrency,
          attempts,
          signal,
          onResult(isSuccess) {
            done++;
            if (!isSuccess) failed++;
            progress.count("Answered", done, all, failed);
          },
        });
      } finally {
        computedMs = performance.now() - startMs;
        await results.close();
      }
    }
  } catch (error) {
    // It was asked to end while it loaded.
    if (!signal.aborted) throw error;
  } finally {
    progress.end();
  }
  const results = describeResults({ paths, all, done, failed });
  print(computedMs > 0 ? [...results, describeSpeed({ read, written, computedMs })] : results);
  if (ending.name !== undefined && done < all) {
    print(["Ended: the same command goes on from here."]);
    process.exitCode = exitStatus(ending.name);
  } else if (failed > 0) process.exitCode = SOME_FAILED;
}

function describeModels(models: ReadonlyMap<string, Model>): string[] {
  return [...models].flatMap(([model, { info }]) =>
    describeModel(info, { browser: `Dawn in Node ${process.version}`, model }),
  );
}

interface Speed {
  readonly read: number;
  readonly written: number;
  readonly computedMs: number;
}

function describeSpeed({ read, written, computedMs }: Speed): string {
  const seconds = computedMs / 1000;
  return line(
    "speed",
    `${thousands(written / seconds)} tokens per second (${thousands(read)} read and ${thousands(written)} written in ${seconds.toFixed(1)} s)`,
  );
}
