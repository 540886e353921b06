// Attention kernel that shares keys and values through workgroup memory.
import source from "../../../shaders/attention/forward-workgroup.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import {
  attentionConstants,
  attentionInterface,
  type AttentionBinding,
  type AttentionKernel,
  type AttentionParam,
  type AttentionShape,
} from "./attention.js";

const forward: KernelDefinition<AttentionBinding, AttentionParam> = {
  name: "attention.forward-workgroup",
  source,
  ...attentionInterface,
  grid: ({ blockCount, heads }) => foldGrid(Math.ceil(blockCount / 16) * heads),
};

/** Keys of a tile: as many fours as fit in 16 KiB with their values, which every adapter has; at most 32 keys. */
const tileKeys = ({ headVectors }: AttentionShape): number =>
  4 * Math.min(8, Math.max(1, Math.floor(128 / headVectors)));

/** A row per invocation, 64 rows per workgroup. */
export const workgroupTiledAttention: AttentionKernel = {
  name: "workgroup-tiled",
  suits: "many",
  needs: (shape) => ({ invocations: 64, bytes: 32 * tileKeys(shape) * shape.headVectors }),
  variant: (options) => specialise(forward, { ...attentionConstants(options), TILE_KEYS: tileKeys(options) }),
};
