// Starts the built `weft serve` for tests, and asks it.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import OpenAI from "openai";
import type { Json } from "../helpers/api-calls.js";
import { expectBuilt, root } from "./run-start.js";

export interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  /** What the server has written, as events. */
  readonly events: readonly Json[];
  /** Its exit status, when it has ended. */
  readonly ended: Promise<number | null>;
}

const children: ChildProcess[] = [];

/** Ends what a test has started. */
export function endServers(): void {
  for (const child of children.splice(0)) child.kill("SIGKILL");
}

/** Starts the built command, and waits until it listens. */
export async function start(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  program: readonly string[] = [process.execPath],
): Promise<Served> {
  expectBuilt("dist/cli/serve.js", "dist/openai.js");
  const [executable, ...own] = program as readonly [string, ...string[]];
  const child = spawn(executable, [...own, "dist/cli/serve.js", "--port", "0", "--json", ...args], {
    cwd: root,
    env: { ...process.env, INIT_CWD: root, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const ended = once(child, "close").then(([code]) => code as number | null);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const events: Json[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const event = JSON.parse(line);
      events.push(event);
      if (event.event === "listening") resolve(event.url as string);
    });
    void ended.then((code) => reject(new Error(`ended with ${code}: ${errors}`)));
  });
  return { child, url, events, ended };
}

export const clientOf = (url: string, apiKey = "any"): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
export const post = (url: string, body: object, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...init,
  });

export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
};
