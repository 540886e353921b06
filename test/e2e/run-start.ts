// Runs the built commands as npm does: each a process of its own.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface RunStartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Is piped into it. */
  readonly input?: string;
  /** Is sent once, as soon as the output, or what goes to standard error, contains `afterOutput`. */
  readonly signal?: { readonly name: NodeJS.Signals; readonly afterOutput: string };
}

/** `npm start`. */
export function runStart(args: readonly string[], options?: RunStartOptions): Promise<Ended> {
  return runCommand("start", args, options);
}

/** `npm run generate`. */
export function runGenerate(args: readonly string[], options?: RunStartOptions): Promise<Ended> {
  return runCommand("generate", args, options);
}

/** `name`: that of the npm script. */
export async function runCommand(
  name: "start" | "generate" | "score" | "embed" | "inspect" | "batch" | "train" | "bench",
  args: readonly string[],
  { environment, input, signal }: RunStartOptions = {},
): Promise<Ended> {
  const command = `dist/cli/${name}.js`;
  expectBuilt(command, "dist/index.js");
  const child = spawn(process.execPath, [root + command, ...args], {
    cwd: root,
    env: { ...process.env, INIT_CWD: root, ...environment },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  let output = "";
  let errors = "";
  let isSent = false;
  const send = (): void => {
    if (isSent || !signal || !(output + errors).includes(signal.afterOutput)) return;
    isSent = true;
    child.kill(signal.name);
  };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    send();
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
    send();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  return { code, output, errors };
}

/** These tests are of what was built. */
export function expectBuilt(...files: readonly string[]): void {
  const missing = files.filter((file) => !existsSync(root + file));
  if (missing.length > 0) throw new Error(`${missing.join(", ")} is missing: run npm run build before`);
}
