// Reads and checks the options of commands. Every failure is one line that says what was expected and what came.
import { resolve } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import {
  describeReal,
  describeWhole,
  isRealIn,
  isWholeIn,
  type RealRange,
  type WholeRange,
} from "../../util/check.js";
import { runtimes, usualRuntime, type Runtime } from "../browser/run-module.js";

/** An option that cannot be used; `message` is one line. */
export class OptionError extends Error {
  override name = "OptionError";
}

export const word = { type: "string" } as const;
export const words = { type: "string", multiple: true } as const;
export const flag = { type: "boolean" } as const;

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Parses options. @throws OptionError for unknown ones. */
export function readOptions<Known extends Options, Free extends boolean = false>(
  args: readonly string[],
  options: Known,
  allowPositionals?: Free,
): ReturnType<typeof parseArgs<{ options: Known; allowPositionals: Free }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: (allowPositionals ?? false) as Free });
  } catch (error) {
    // Only the first sentence: Node adds advice for programs with positional arguments.
    throw new OptionError((error as Error).message.split(/\.\s|\.?$/m)[0]);
  }
}

/** Resolves a path from the user's folder: npm runs scripts in the project's folder. */
export function fromCaller(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? ".", path);
}

/** The line of --help for commands that run in a browser and in Node. */
export const runtimeHelp: string = `  --runtime NAME          chromium: a page of a headless browser; node: Dawn in this process
                          (default ${usualRuntime()})`;

export function checkRuntime(text: string | undefined): Runtime {
  return text === undefined ? usualRuntime() : checkChoice("--runtime", text, runtimes);
}

/** How the user calls a command: as an npm script of the project, or as `npx weft-webgpu`. */
export function usage(command: string): string {
  if (process.env["WEFT_PROGRAM"]) return `npx weft-webgpu ${command}`;
  return command === "start" ? "npm start --" : `npm run ${command} --`;
}

export function checkWhole(option: string, text: string | undefined, range: WholeRange): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && isWholeIn(value, range)) return value;
  throw new OptionError(`${option}: expected ${describeWhole(range)}, received "${text}"`);
}

export function checkReal(option: string, text: string | undefined, range: RealRange): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d*\.?\d+(e-?\d+)?$/i.test(text) && isRealIn(value, range)) return value;
  throw new OptionError(`${option}: expected ${describeReal(range)}, received "${text}"`);
}

/** One of `choices`. The first one if the option is not given. */
export function checkChoice<Choice extends string>(
  option: string,
  text: string | undefined,
  choices: readonly Choice[],
): Choice {
  const choice = text === undefined ? choices[0] : choices.find((candidate) => candidate === text);
  if (choice) return choice;
  throw new OptionError(`${option}: expected ${choices.join(" or ")}, received "${text}"`);
}
