// Ends a command quietly when nobody reads what it prints, as in `… | head -1`.

let isWatched = false;

/** In the way of a signal where it handles them, so that a browser is closed and a run of training keeps its checkpoint. */
export function endWhenNobodyReads(): void {
  if (isWatched) return;
  isWatched = true;
  for (const output of [process.stdout, process.stderr]) output.on("error", onOutputError);
}

function onOutputError({ code }: NodeJS.ErrnoException): void {
  // A terminal that was closed gives EIO, and sends SIGHUP itself.
  if (code === "EPIPE" && !process.emit("SIGTERM", "SIGTERM")) process.exit();
}
