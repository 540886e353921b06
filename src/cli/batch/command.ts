// `npx weft-webgpu batch`: answers the requests of a batch file here, or by workers that share a queue.
import { repeatOnOtherDriver } from "../browser/other-driver.js";
import { runCommand } from "../terminal/command.js";
import { answerFile } from "./answer-file.js";
import { helpText, parseBatchOptions, type BatchTask } from "./options.js";
import { cancelFile } from "./redis/cancel-file.js";
import { sendFile } from "./redis/send-file.js";
import { work } from "./redis/work.js";

function run(task: BatchTask): Promise<void> {
  switch (task.kind) {
    case "help":
      process.stdout.write(`${helpText}\n`);
      return Promise.resolve();
    case "file":
      return answerFile(task);
    case "work":
      return work(task);
    case "send":
      return sendFile(task);
    case "cancel":
      return cancelFile(task);
    default:
      return task satisfies never;
  }
}

await runCommand("batch", async () => {
  const task = parseBatchOptions(process.argv.slice(2));
  try {
    await run(task);
  } catch (error) {
    process.exitCode = await repeatOnOtherDriver("batch", error);
  }
});
