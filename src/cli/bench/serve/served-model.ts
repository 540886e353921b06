// A model behind a port of this process, and its clients, which are a process of their own. Node alone has both.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Profiler, Runtime } from "node:inspector";
import { Session } from "node:inspector/promises";
import type { Model } from "../../../index.js";
import { createHandler } from "../../../openai/index.js";
import { ApiServer } from "../../serve/server.js";
import { clientProgram } from "./client-program.js";

/** What is asked for beside a prompt. */
export interface Load {
  readonly maxTokens: number;
  readonly bias: Readonly<Record<number, number>>;
}

/** What the clients have received. */
export interface Answers {
  readonly texts: readonly string[];
  readonly elapsedMs: number;
  readonly firstTokenMs: readonly number[];
}

export class ServedModel {
  readonly #server: ApiServer;
  readonly #clients: ChildProcess;
  readonly #name: string;
  /** Rejects when the process of the clients has ended. */
  readonly #ended: Promise<never>;

  private constructor(server: ApiServer, clients: ChildProcess, name: string) {
    this.#server = server;
    this.#clients = clients;
    this.#name = name;
    this.#ended = once(clients, "exit").then(() => {
      throw new Error("the process of the clients has ended");
    });
    this.#ended.catch(() => undefined); // told to whoever asks
  }

  static async start(model: Model, name: string): Promise<ServedModel> {
    const handler = createHandler(new Map([[name, model]]));
    const server = await ApiServer.listen(handler, { host: "127.0.0.1", port: 0 });
    const clients = spawn(process.execPath, ["--input-type=module", "--eval", clientProgram], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    return new ServedModel(server, clients, name);
  }

  /** As many clients as there are prompts ask at once, and read what is streamed. */
  async ask(prompts: readonly string[], { maxTokens, bias }: Load): Promise<Answers> {
    const bodies = prompts.map((prompt) => ({
      model: this.#name,
      prompt,
      max_tokens: maxTokens,
      temperature: 0,
      logit_bias: bias,
      stream: true,
    }));
    const received = new Promise<Answers & { readonly error?: string }>((resolve) =>
      this.#clients.once("message", resolve as (message: unknown) => void),
    );
    this.#clients.send({ url: `${this.#server.url}/v1/completions`, bodies });
    const answer = await Promise.race([received, this.#ended]);
    if (answer.error !== undefined) throw new Error(`a client failed: ${answer.error}`);
    return answer;
  }

  async stop(): Promise<void> {
    this.#clients.kill();
    await this.#server.end(0, AbortSignal.abort());
  }
}

/** A result, and how long this thread worked for it: neither waiting, nor within WebGPU, nor collecting what its polling leaves. */
export type Watched<R> = R & { readonly hostMs: number };

/** Between two looks at what the thread does. */
const SAMPLE_US = 250;

/** Looks at the stack at intervals: a loop that polls a GPU counts as active all the time, so that how active it is says nothing. */
export async function watched<R extends object>(run: () => Promise<R>): Promise<Watched<R>> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await session.post("Profiler.start");
    const result = await run();
    const { profile } = await session.post("Profiler.stop");
    return { ...result, hostMs: workOf(profile) };
  } finally {
    session.disconnect();
  }
}

function workOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): number {
  const counted = new Set(nodes.filter(({ callFrame }) => isWork(callFrame)).map(({ id }) => id));
  return samples.reduce((sum, id, index) => sum + (counted.has(id) ? timeDeltas[index]! / 1000 : 0), 0);
}

/** Functions that polling consists of: Dawn's have no name, and are called by a timer of Node. */
const isWork = ({ functionName, url }: Runtime.CallFrame): boolean =>
  functionName === "" ? url !== "" : !functionName.startsWith("(") && functionName !== "processImmediate";
