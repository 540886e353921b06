// How a kernel sums over rows of logits: a row per invocation on software adapters, a workgroup per row on GPUs. Same bits.
import invocation from "../../../shaders/common/log-sum.wgsl?raw";
import workgroup from "../../../shaders/common/log-sum-workgroup.wgsl?raw";
import { foldGrid, type KernelDefinition } from "../../gpu/kernel.js";
import type { AdapterKind } from "../workgroup-needs.js";

/** WORKGROUP of common/log-sum.wgsl. */
const ROWS = 8;

type RowSums = Pick<KernelDefinition<string, "rowCount">, "common" | "grid">;

export const rowSums: Readonly<Record<AdapterKind, RowSums>> = {
  software: { common: [invocation], grid: ({ rowCount }) => foldGrid(Math.ceil(rowCount / ROWS)) },
  gpu: { common: [workgroup], grid: ({ rowCount }) => foldGrid(rowCount) },
};
