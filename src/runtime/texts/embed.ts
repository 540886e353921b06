// Turns texts into vectors: tokens, ragged forward passes of many texts, pooling on the GPU, and there too what the model's files do
// after it.
import { ArgumentError } from "../../errors.js";
import { poolingMethods, type PoolingName } from "../../kernels/pooling/pooling.js";
import { pooledHead } from "../../model/row-head.js";
import { checkChoice, checkWhole } from "../../util/check.js";
import { checkList } from "../load/check-input.js";
import type { SentenceSettings } from "../load/sentence-files.js";
import { forEachText, passOptions, type TextCalls } from "./calls.js";
import type { EmbeddedText, Embeddings } from "./embedding-handle.js";
import { TextEncoder, type TextLike } from "./input.js";
import type { EmbedOptions } from "./options.js";
import { vectorSteps } from "./vector-steps.js";

export async function embedTexts(
  calls: TextCalls,
  texts: readonly TextLike[],
  options: EmbedOptions,
  emit: (embedded: EmbeddedText) => void = () => undefined,
): Promise<Embeddings> {
  checkList(texts, "texts");
  const { loaded, tokenizer, run } = calls;
  const { textFiles } = loaded;
  const settings = textFiles.sentence ?? (await textFiles.readSentence?.());
  const methods = methodsOf(options, settings);
  const dense = settings?.dense ?? [];
  const pooledWidth = methods.length * loaded.config.channels;
  const width = dense.at(-1)?.outputs ?? pooledWidth;
  const dimensions = checkWhole("dimensions", options.dimensions, width, { least: 1, most: width });
  const normalizes = options.normalize ?? settings?.normalizes ?? false;
  if (dense[0] && dense[0].inputs !== pooledWidth) {
    throw new ArgumentError({
      argument: "pooling",
      expected: `a pooling of ${dense[0].inputs} numbers, as the model's dense module reads`,
      received: pooledWidth,
      remedy: "Leave it out: then the model's files say it.",
    });
  }
  const parts = { count: methods.length, width: loaded.config.channels };
  const isJoined = parts.count === 1 || parts.width % 4 === 0;
  const steps =
    dense.length > 0 || normalizes || dimensions < width || !isJoined
      ? vectorSteps({ parts, dense, dimensions, normalizes })
      : undefined;
  const encoder = new TextEncoder({
    loaded,
    sentence: settings,
    tokenizer,
    tooLong: options.tooLong,
    prompt: promptOf(options, settings),
    includesPrompt: settings?.includesPrompt ?? true,
  });
  const vectors: Float32Array<ArrayBuffer>[] = [];
  const truncated: number[] = [];
  let tokens = 0;
  await forEachText<Float32Array<ArrayBuffer>>(texts, {
    operation: "Embedding",
    loaded,
    encoder,
    options,
    compute: async (own) => {
      const skipped = own.some((text) => text.skipped > 0) ? own.map((text) => text.skipped) : undefined;
      const sentences = own.map(({ ids }) => ids);
      const head = pooledHead({ methods, skipped }, pooledWidth, steps);
      return run("embed", sentences, { kind: "pooled", head }, passOptions(own, options.signal));
    },
    onResult: (index, vector, { ids, isCut }) => {
      vectors[index] = vector;
      tokens += ids.length;
      if (isCut) truncated.push(index);
      emit({ index, vector });
    },
  });
  return { vectors, dimensions, tokens, truncated };
}

function methodsOf(
  { pooling }: EmbedOptions,
  settings: SentenceSettings | undefined,
): readonly PoolingName[] {
  const methods = pooling === undefined ? settings?.poolings : [pooling].flat();
  if (methods === undefined || methods.length === 0) {
    throw new ArgumentError({
      argument: "pooling",
      expected: `one of ${Object.keys(poolingMethods).join(", ")}, as the model's files (modules.json) say none`,
      received: pooling,
      remedy: "The model's card says which: most use mean or cls, with normalize: true.",
    });
  }
  return methods.map((name) =>
    checkChoice("pooling", name, "mean", Object.keys(poolingMethods) as PoolingName[]),
  );
}

function promptOf({ prompt, promptText }: EmbedOptions, settings: SentenceSettings | undefined): string {
  if (promptText !== undefined) return promptText;
  const name = prompt ?? settings?.defaultPrompt;
  if (name === undefined) return "";
  const { prompts = {} } = settings ?? {};
  if (Object.hasOwn(prompts, name)) return prompts[name]!;
  throw new ArgumentError({
    argument: "prompt",
    expected: `one of the model's prompts: ${Object.keys(prompts).join(", ") || "it has none"}`,
    received: name,
    remedy: "Pass a text of your own as promptText.",
  });
}
