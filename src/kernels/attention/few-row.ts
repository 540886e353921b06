// Attention kernel for dispatches of few rows, as in decoding.
import source from "../../../shaders/attention/forward-few-row.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import {
  attentionConstants,
  attentionInterface,
  QUERY_BLOCK_ROWS,
  type AttentionBinding,
  type AttentionKernel,
  type AttentionParam,
} from "./attention.js";

const forward: KernelDefinition<AttentionBinding, AttentionParam> = {
  name: "attention.forward-few-row",
  source,
  ...attentionInterface,
  grid: ({ blockCount, heads }) => foldGrid(QUERY_BLOCK_ROWS * blockCount * heads),
};

/** A workgroup per row and head: keys are scored in parallel, and channels summed in parallel. */
export const fewRowAttention: AttentionKernel = {
  name: "few-row",
  suits: "few",
  needs: ({ headVectors }) => ({ invocations: 64, bytes: 1024 + 16 * headVectors }),
  variant: (options) => specialise(forward, attentionConstants(options)),
};
