// Chooses tokens with many workgroups per row, and then one that merges what they found: where a GPU has few rows and a vocabulary
// of tens or hundreds of thousands.
import penalties from "../../../shaders/common/token-penalties.wgsl?raw";
import spans from "../../../shaders/common/spans.wgsl?raw";
import tokenChoice from "../../../shaders/common/token-choice.wgsl?raw";
import source from "../../../shaders/sampling/choose-among-spans.wgsl?raw";
import spanSource from "../../../shaders/sampling/span-logits.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import { countSpans } from "../spans.js";
import {
  chooseTokenParams,
  type ChooseTokenBinding,
  type ChooseTokenKernel,
  type ChooseTokenParam,
} from "./choose-token.js";

const spanLogits: KernelDefinition<Exclude<ChooseTokenBinding, "sampled" | "chosen">, ChooseTokenParam> = {
  name: "sampling.span-logits",
  source: spanSource,
  common: [spans, tokenChoice, penalties],
  bindings: {
    options: "read",
    bias: "read",
    logits: "read",
    counts: "read",
    weights: "readWrite",
    partials: "readWrite",
  },
  params: chooseTokenParams,
  grid: ({ rowCount, vocabulary }) => [countSpans(vocabulary), rowCount, 1],
};

const chooseAmongSpans: KernelDefinition<Exclude<ChooseTokenBinding, "bias">, ChooseTokenParam> = {
  name: "sampling.choose-among-spans",
  source,
  common: [spans, tokenChoice],
  bindings: {
    options: "read",
    logits: "read",
    partials: "read",
    weights: "readWrite",
    counts: "readWrite",
    sampled: "readWrite",
    chosen: "readWrite",
  },
  params: chooseTokenParams,
  grid: ({ rowCount }) => foldGrid(rowCount),
};

/** Needs 256 invocations and 9.2 KiB of workgroup memory, which every adapter has. */
export const spansChooseToken: ChooseTokenKernel = {
  name: "many-workgroups",
  stages: [specialise(spanLogits, {}), specialise(chooseAmongSpans, {})],
};
