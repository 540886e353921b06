// Attention kernel of one invocation per query block and head, for software adapters.
import source from "../../../shaders/attention/forward-serial.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import type { CacheFormat } from "../../tensor/formats.js";
import {
  attentionConstants,
  attentionInterface,
  type AttentionBinding,
  type AttentionKernel,
  type AttentionParam,
} from "./attention.js";

const forward = (keyValues: CacheFormat): KernelDefinition<AttentionBinding, AttentionParam> => ({
  name: "attention.forward-serial",
  source,
  ...attentionInterface(keyValues),
  grid: ({ blockCount, heads }) => foldGrid(Math.ceil((blockCount * heads) / 32)),
});

/** In registers, no workgroup memory. */
export const serialAttention: AttentionKernel = {
  name: "serial",
  suits: "any",
  isFor: "software",
  isSplit: false,
  needs: () => ({ invocations: 32, bytes: 0 }),
  stages: (options) => [specialise(forward(options.keyValues), attentionConstants(options))],
};
