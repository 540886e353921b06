// What calls about texts need of the model, and the loop that they share: texts become tokens while the GPU computes those before
// them, the same texts are computed once, and a pass has so many rows that memory does not depend on how many texts there are.
import type { Program } from "../../model/program.js";
import type { Sentence } from "../load/check-input.js";
import type { LoadedModel } from "../load/loaded-model.js";
import type { OutputRequest } from "../passes/output.js";
import type { TextTokenizer } from "../../text/tokenizer.js";
import { throwIfAborted } from "../../util/signal.js";
import type { ReadyText, TextEncoder, TextLike } from "./input.js";

export interface TextCalls {
  readonly loaded: LoadedModel;
  readonly tokenizer: () => Promise<TextTokenizer>;
  /** Runs a forward pass. */
  readonly run: (
    operation: string,
    sentences: readonly Sentence[],
    output: OutputRequest,
    options: { readonly tokenTypes?: readonly Sentence[]; readonly signal?: AbortSignal },
  ) => Promise<readonly Float32Array<ArrayBuffer>[]>;
}

/** How many texts are done. */
export interface TextProgress {
  readonly done: number;
  readonly total: number;
}

/** What all calls about texts take. */
export interface TextOptions {
  /**
   * What happens to texts of too many tokens: "cut", or "refuse". Default: "cut", which the result tells; but "refuse" for labels of
   * tokens and for masks, where it could not.
   */
  readonly tooLong?: "cut" | "refuse";
  /** Called as texts are done. */
  readonly onProgress?: (progress: TextProgress) => void;
  readonly signal?: AbortSignal;
}

/** The rows of a pass: as many as fill a GPU, */
const MOST_ROWS = 8192;
/** but in no more memory than this on all queues together, whatever the model and however many texts there are. */
const MOST_BYTES = 256 * 2 ** 20;

/** As many rows as a pass may have, if no text is longer. `bindingBytes`: what one buffer may hold. */
export function rowsOfPass({ values }: Pick<Program, "values">, bindingBytes: number): number {
  const places = new Map(values.map(({ place, vectors }) => [place, 16 * vectors]));
  const bytes = [...places.values()];
  const most = Math.min(
    MOST_ROWS,
    Math.floor(MOST_BYTES / bytes.reduce((sum, own) => sum + own, 0)),
    Math.floor(bindingBytes / Math.max(...bytes)),
  );
  return Math.max(1, most);
}

/** Milliseconds of making tokens after which the GPU's work gets its turn. */
const TURN_MS = 8;

/**
 * Computes something of every text. `compute` gets different texts, and returns what came of each, in their order. `onResult` is
 * called for every text as its pass is done, with what came of it: the same object for the same texts.
 */
export async function forEachText<R>(
  texts: readonly TextLike[],
  call: {
    readonly operation: string;
    readonly loaded: LoadedModel;
    /** How a text is called in messages. Default: "texts[3]". */
    readonly nameOf?: (index: number) => string;
    /** How many rows a text counts as in a pass. Default: one per token. */
    readonly rowsOf?: (text: ReadyText) => number;
    readonly encoder: TextEncoder;
    readonly options: TextOptions;
    readonly compute: (texts: readonly ReadyText[]) => Promise<readonly R[]>;
    readonly onResult: (index: number, result: R, text: ReadyText) => void;
  },
): Promise<void> {
  const { operation, loaded, encoder, options, compute, onResult } = call;
  const mostRows = rowsOfPass(
    loaded.definition.program,
    Math.min(...loaded.replicas.map(({ queue }) => queue.maxBindingBytes)),
  );
  const { rowsOf = ({ ids }: ReadyText): number => ids.length } = call;
  const { nameOf = (index: number): string => `texts[${index}]` } = call;
  const { signal, onProgress } = options;
  /** What came of every text that was computed, by what tells texts apart. */
  const known = new Map<string, R>();
  /** Of all that are in a pass, whether it is over or not. */
  const seen = new Set<string>();
  let pass = new Map<string, ReadyText>();
  let waiting: { readonly index: number; readonly key: string; readonly text: ReadyText }[] = [];
  let rows = 0;
  let done = 0;
  let running: Promise<void> = Promise.resolve();

  const start = (): void => {
    const [own, told] = [pass, waiting];
    [pass, waiting, rows] = [new Map(), [], 0];
    running = (async () => {
      const results = own.size === 0 ? [] : await compute([...own.values()]);
      for (const [index, key] of [...own.keys()].entries()) known.set(key, results[index]!);
      for (const { index, key, text } of told) onResult(index, known.get(key)!, text);
      done += told.length;
      onProgress?.({ done, total: texts.length });
    })();
    running.catch(() => undefined); // awaited below
  };

  let turnMs = performance.now();
  try {
    for (const [index, given] of texts.entries()) {
      throwIfAborted(signal, operation);
      const text = await encoder.encode(given, nameOf(index));
      const key = `${text.skipped}:${text.ids.join()}:${text.tokenTypes?.join() ?? ""}`;
      const isNew = !seen.has(key);
      if (isNew && rows > 0 && rows + rowsOf(text) > mostRows) {
        await running;
        start();
      }
      waiting.push({ index, key, text });
      if (isNew) {
        seen.add(key);
        pass.set(key, text);
        rows += rowsOf(text);
      }
      if (performance.now() - turnMs < TURN_MS) continue;
      await nextTurn();
      turnMs = performance.now();
    }
    await running;
    start();
  } finally {
    // Also where a text could not be encoded: nothing of the call may still run when it has failed.
    await running.catch(() => undefined);
  }
  await running;
}

/** Lets what waits for the event loop happen first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(undefined);
  });
}

/** The options of a pass over these texts. */
export function passOptions(
  texts: readonly ReadyText[],
  signal: AbortSignal | undefined,
): { readonly tokenTypes?: readonly Sentence[]; readonly signal?: AbortSignal } {
  const hasTypes = texts.some(({ tokenTypes }) => tokenTypes);
  return {
    ...(hasTypes
      ? { tokenTypes: texts.map(({ ids, tokenTypes }) => tokenTypes ?? new Uint32Array(ids.length)) }
      : {}),
    ...(signal ? { signal } : {}),
  };
}
