// When the log of a run is written. Whatever ends the process, a checkpoint has a log with all steps before it; a log that knows
// more is cut where the run goes on.
import type { FileSink } from "../terminal/file-sink.js";

/** A piece of a file that the run has sent. */
export interface SentPiece {
  readonly file: string;
  readonly piece: Uint8Array;
  readonly isLast: boolean;
}

export async function addWithLog(
  sink: Pick<FileSink, "add" | "write">,
  { file, piece, isLast }: SentPiece,
  showLog: () => string,
): Promise<void> {
  // Before the checkpoint has its name.
  if (isLast && file === "checkpoint.safetensors") await sink.write("train_log.json", showLog());
  await sink.add(file, piece, isLast);
  // A run of which no step was left writes no checkpoint.
  if (isLast && file === "model.safetensors") await sink.write("train_log.json", showLog());
}
