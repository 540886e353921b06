// Answers the requests of a file in this process, many at once, and goes on where an earlier run was.
import { setTimeout as wait } from "node:timers/promises";
import type { Handler } from "../../openai/index.js";
import { answerRequest, problemOf, type Answer } from "./answer-request.js";
import { forEachAtOnce } from "./at-once.js";
import type { BatchRequest } from "./batch-request.js";
import { answered, isSuccess } from "./batch-result.js";
import type { ResultFiles } from "./result-files.js";

export interface FileRun {
  readonly handler: Handler;
  readonly requests: AsyncIterable<BatchRequest>;
  readonly results: ResultFiles;
  readonly concurrency: number;
  /** How often a request is asked that fails by no fault of its own. */
  readonly attempts: number;
  readonly signal: AbortSignal;
  /** Called for each result, when it is written. */
  readonly onResult: (isSuccess: boolean) => void;
  /** Between the first two attempts; twice as long between the next. */
  readonly retryMs?: number;
}

/** Ends when all are answered, or `signal` aborts. @throws Error if the model can answer nothing any more. */
export async function runRequests({ retryMs = 1000, ...run }: FileRun): Promise<void> {
  const { handler, requests, results, concurrency, attempts, signal, onResult } = run;
  let successes = 0;
  await forEachAtOnce(requests, concurrency, signal, async (request, own) => {
    const before = successes;
    let answer = await answerRequest(handler, request, own);
    for (let made = 1; answer.mayRetry && made < attempts; made++) {
      await wait(retryMs * 2 ** (made - 1), undefined, { signal: own });
      answer = await answerRequest(handler, request, own);
    }
    // Were it written as a failure, so would all that follow.
    if (answer.isModelGone && successes === before) throw modelGone(request, answer);
    const result = answered(request, answer.status, answer.body);
    await results.add(result);
    if (isSuccess(result)) successes++;
    onResult(isSuccess(result));
  });
}

function modelGone({ customId }: BatchRequest, answer: Answer): Error {
  return new Error(
    `the model does not answer any more ("${customId}" got ${problemOf(answer)}). What was answered is kept: the same command goes on from there`,
  );
}
