// Chooses a token for each of some rows of logits: see shaders/sampling/choose-token.wgsl for what it reads and writes.
import type { GpuBuffer } from "../gpu/buffer.js";
import { TABLES, type CommandList } from "../gpu/command-list.js";
import type { Pipeline } from "../gpu/pipelines.js";
import type { ChooseTokenBinding, ChooseTokenParam } from "../kernels/sampling/choose-token.js";
import type { VocabularySize } from "./head.js";

export type ChooseTokenPipeline = Pipeline<ChooseTokenBinding, ChooseTokenParam>;

export interface TokenChoice extends Readonly<Record<Exclude<ChooseTokenBinding, "options">, GpuBuffer>> {
  readonly rowCount: number;
  /** First word of the rows' options in the tables. */
  readonly firstOption: number;
  readonly size: VocabularySize;
}

export function chooseTokens(list: CommandList, pipeline: ChooseTokenPipeline, choice: TokenChoice): void {
  const { rowCount, firstOption, size, ...buffers } = choice;
  list.dispatch(
    pipeline,
    { options: TABLES, ...buffers },
    {
      rowCount,
      vocabulary: size.vocabulary,
      rowStride: 4 * size.vocabularyVectors,
      firstOption,
    },
  );
}
