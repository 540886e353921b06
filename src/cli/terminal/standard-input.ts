// The text that is piped into a command. It can be read once, so it is kept for a process that repeats the command.

let taken: string | undefined;

/** All that is piped into this process. */
export async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  taken = Buffer.concat(chunks).toString("utf8");
  return taken;
}

/** What `readInput` has read. Undefined if it was not called. */
export function takenInput(): string | undefined {
  return taken;
}
