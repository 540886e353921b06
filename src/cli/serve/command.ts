// `npx weft-webgpu serve`: loads models and serves them as OpenAI's API does, until it is asked to end.
import { Model, type ModelInfo } from "../../index.js";
import { createHandler } from "../../openai/index.js";
import { describeAdapter, describeRecovery } from "../../jobs/words.js";
import { watchEnding, type Ending } from "../browser/ending-signals.js";
import { repeatOnOtherDriver } from "../browser/other-driver.js";
import { loadOptions } from "../browser/page-load.js";
import { describeStep, runCommand } from "../terminal/command.js";
import { Log } from "./log.js";
import { helpText, parseServeOptions, type ServeCommand } from "./options.js";
import { ApiServer } from "./server.js";

async function run(command: ServeCommand): Promise<void> {
  const log = new Log(command.isJson, (line) => process.stdout.write(`${line}\n`));
  const interruption = watchEnding();
  const models = new Map<string, Model>();
  try {
    for (const name of command.models.keys()) {
      models.set(name, await load(name, command, log, interruption.first));
      if (interruption.first.aborted) return;
    }
    await serveModels(models, command, log, interruption);
  } catch (error) {
    // It was asked to end while it loaded: nobody waits for it.
    if (!interruption.first.aborted) throw error;
  } finally {
    for (const model of models.values()) await model[Symbol.asyncDispose]();
  }
}

/** A model whose device is lost opens another one by itself: streams pause, and go on. */
async function load(name: string, command: ServeCommand, log: Log, signal: AbortSignal): Promise<Model> {
  const { address, hub } = command.models.get(name)!;
  let last = "";
  const report = (words: string): void => {
    const shown = describeStep(words, name);
    // Once for each file: parts of them are for terminals.
    if (shown !== last) log.add({ event: "loading", model: name, step: shown }, `${shown} …`);
    last = shown;
  };
  const model = await Model.load(address, {
    ...loadOptions(command.queues, report, signal, hub),
    cache: command.cache,
    maxConcurrentRequests: command.limits.concurrent ?? 64,
    onRecovery: (event) => {
      const problem = "reason" in event ? { problem: event.reason.message } : {};
      log.add({ event: event.phase, model: name, ...problem }, `${name}: ${describeRecovery(event)}`);
    },
  });
  logLoaded(name, model.info, log);
  return model;
}

function logLoaded(name: string, { adapter, weightBytes, loadMs, config }: ModelInfo, log: Log): void {
  const { modelType } = config;
  log.add(
    { event: "loaded", model: name, modelType, weightBytes, loadMs: Math.round(loadMs), adapter },
    `Loaded ${name}: ${modelType}, ${(weightBytes / 1e6).toFixed(1)} MB of weights, on ${describeAdapter(adapter)}`,
  );
}

async function serveModels(
  models: ReadonlyMap<string, Model>,
  command: ServeCommand,
  log: Log,
  { first, second }: Ending,
): Promise<void> {
  const { apiKeys, cors, limits, timeoutMs, toolFormat, drainMs } = command;
  const handler = createHandler(models, {
    apiKeys,
    cors,
    limits,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(toolFormat === undefined ? {} : { toolFormat }),
    onRequest: (record) => log.addRequest(record),
  });
  const server = await listen(handler, command);
  const names = [...models.keys()];
  log.add(
    { event: "listening", url: server.url, models: names, needsKey: apiKeys.length > 0 },
    `Serving ${names.join(", ")} at ${server.url}/v1${apiKeys.length > 0 ? ", for clients with a key" : ""}`,
  );
  if (!first.aborted)
    await new Promise((resolve) => first.addEventListener("abort", resolve, { once: true }));
  log.add({ event: "ending", drainMs }, "Ending: answers that are being written go on");
  const isComplete = await server.end(drainMs, second);
  log.add({ event: "ended", isComplete }, isComplete ? "Ended" : "Ended, and broke answers off");
}

async function listen(
  handler: ReturnType<typeof createHandler>,
  { host, port }: ServeCommand,
): Promise<ApiServer> {
  try {
    return await ApiServer.listen(handler, { host, port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new Error(`--port: another program listens at ${host}:${port}; pass another, or 0 for any`, {
        cause,
      });
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
      throw new Error(`--host: this machine has no address ${host}`, { cause });
    if (code === "EACCES") throw new Error(`--port: this user may not listen at ${port}`, { cause });
    throw cause;
  }
}

await runCommand("serve", async () => {
  const command = parseServeOptions(process.argv.slice(2), process.env);
  if (command.help) {
    process.stdout.write(`${helpText}\n`);
    return;
  }
  try {
    await run(command);
  } catch (error) {
    process.exitCode = await repeatOnOtherDriver("serve", error);
  }
});
