// Chooses a token for each of some rows of logits: see shaders/sampling/choose-token.wgsl for what it reads and writes.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { Pipeline } from "../gpu/pipelines.js";
import {
  PARTIAL_WORDS,
  type ChooseTokenBinding,
  type ChooseTokenParam,
} from "../kernels/sampling/choose-token.js";
import { countSpans } from "../kernels/spans.js";
import type { VocabularySize } from "./head.js";

/** The dispatches of a kernel that chooses tokens, in order. */
export type ChooseTokenPipeline = readonly Pipeline<string, ChooseTokenParam>[];

/** Bytes of what a row's spans leave for the second dispatch. */
export const choicePartialBytes = (vocabulary: number): number => 4 * PARTIAL_WORDS * countSpans(vocabulary);

export interface TokenChoice extends Readonly<Record<Exclude<ChooseTokenBinding, "options">, GpuBuffer>> {
  readonly rowCount: number;
  /** First word of the rows' options in the tables. */
  readonly firstOption: number;
  readonly size: VocabularySize;
}

export function chooseTokens(list: CommandList, pipeline: ChooseTokenPipeline, choice: TokenChoice): void {
  const { rowCount, firstOption, size, ...buffers } = choice;
  const params = {
    rowCount,
    vocabulary: size.vocabulary,
    rowStride: 4 * size.vocabularyVectors,
    firstOption,
  };
  for (const stage of pipeline) list.dispatch(stage, { options: TABLES, ...buffers }, params);
}
