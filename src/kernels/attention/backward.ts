// Gradients of attention: for queries, which leaves the statistics of each row behind, then for keys and values.
import keyValueSource from "../../../shaders/attention/backward-key-value.wgsl?raw";
import keyValueWorkgroupSource from "../../../shaders/attention/backward-key-value-workgroup.wgsl?raw";
import querySource from "../../../shaders/attention/backward-query.wgsl?raw";
import queryWorkgroupSource from "../../../shaders/attention/backward-query-workgroup.wgsl?raw";
import {
  foldGrid,
  specialise,
  type Grid,
  type KernelDefinition,
  type KernelVariant,
} from "../../gpu/kernel.js";
import {
  attentionFragments,
  attentionParams,
  attentionShapeConstants,
  type AttentionParam,
  type AttentionShape,
} from "./attention.js";
import type { AdapterKind } from "../workgroup-needs.js";

type AttentionBackwardQueryBinding = "Q" | "KV" | "A" | "dA" | "rowInfo" | "blockTable" | "dQ" | "stats";
type AttentionBackwardKeyValueBinding = "Q" | "KV" | "dA" | "stats" | "rowInfo" | "blockTable" | "dKV";

/** A block of at most QUERY_BLOCK_ROWS queries, or of as many keys, per invocation and head. */
const gridOf = (blocks: number, heads: number): Grid => foldGrid(Math.ceil((blocks * heads) / 32));

const backwardQuery: KernelDefinition<AttentionBackwardQueryBinding, AttentionParam> = {
  name: "attention.backward-query",
  source: querySource,
  common: attentionFragments,
  bindings: {
    Q: "read",
    KV: "read",
    A: "read",
    dA: "read",
    rowInfo: "read",
    blockTable: "read",
    dQ: "readWrite",
    stats: "readWrite",
  },
  params: attentionParams,
  grid: ({ blockCount, heads }) => gridOf(blockCount, heads),
};

const backwardKeyValue: KernelDefinition<AttentionBackwardKeyValueBinding, AttentionParam> = {
  name: "attention.backward-key-value",
  source: keyValueSource,
  common: attentionFragments,
  bindings: {
    Q: "read",
    KV: "read",
    dA: "read",
    stats: "read",
    rowInfo: "read",
    blockTable: "read",
    dKV: "readWrite",
  },
  params: attentionParams,
  grid: ({ blockCount, heads }, constants) => gridOf(blockCount, heads / Number(constants["GROUP"])),
};

const backwardQueryWorkgroup: typeof backwardQuery = {
  ...backwardQuery,
  name: "attention.backward-query-workgroup",
  source: queryWorkgroupSource,
  grid: ({ blockCount, heads }) => foldGrid(blockCount * heads),
};

const backwardKeyValueWorkgroup: typeof backwardKeyValue = {
  ...backwardKeyValue,
  name: "attention.backward-key-value-workgroup",
  source: keyValueWorkgroupSource,
  grid: ({ blockCount, heads }, constants) => foldGrid((blockCount * heads) / Number(constants["GROUP"])),
};

/** For software adapters a block per invocation, for GPUs a block per workgroup. Both give the same bits. */
export const attentionBackwardQueryVariant = (
  options: AttentionShape,
  kind: AdapterKind,
): KernelVariant<AttentionBackwardQueryBinding, AttentionParam> =>
  specialise(kind === "software" ? backwardQuery : backwardQueryWorkgroup, attentionShapeConstants(options));

export const attentionBackwardKeyValueVariant = (
  options: AttentionShape,
  kind: AdapterKind,
): KernelVariant<AttentionBackwardKeyValueBinding, AttentionParam> =>
  specialise(
    kind === "software" ? backwardKeyValue : backwardKeyValueWorkgroup,
    attentionShapeConstants(options),
  );
