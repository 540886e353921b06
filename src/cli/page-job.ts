// What `npm start` runs inside the browser's page: loads the model through the built module and does the job.
import { runJob, type JobReport, type JobRequest } from "../demo/job.js";
import { Model, type ModelInfo } from "../index.js";

export interface StartRequest extends JobRequest {
  /** The URL of the model's folder. */
  readonly model: string;
}

export interface StartReport extends JobReport {
  readonly info: ModelInfo;
}

/** The contract of every page module: see run-in-page.ts. */
export async function run(
  { model: source, ...request }: StartRequest,
  report: (words: string, part?: number) => void,
): Promise<StartReport> {
  using model = await Model.load(source, {
    queues: request.queues,
    onProgress(progress) {
      if (progress.phase === "ready") return;
      const { loadedBytes, totalBytes } = progress;
      report("loading", totalBytes && loadedBytes / totalBytes);
    },
  });
  return { info: model.info, ...(await runJob(model, request, { onStage: report })) };
}
