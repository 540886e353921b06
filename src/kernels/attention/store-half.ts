// Keys and values on their way into a cache in f16, where no rotary positions are put into them.
import source from "../../../shaders/attention/store-half.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";
import { keyValueConstants, keyValueFragment } from "./key-values.js";

type StoreHalfBinding = "X" | "rowTable" | "KV";
type StoreHalfParam = "firstEntry" | "rowCount" | "slotEntry" | "vectors";

const storeHalf: KernelDefinition<StoreHalfBinding, StoreHalfParam> = {
  name: "attention.store-half",
  source,
  common: [keyValueFragment("f16")],
  bindings: { X: "read", rowTable: "read", KV: "readWrite" },
  params: { firstEntry: "u32", rowCount: "u32", slotEntry: "u32", vectors: "u32" },
  grid: ({ rowCount, vectors }) => foldGrid(Math.ceil((rowCount * vectors) / 64)),
};

export const storeHalfVariant: KernelVariant<StoreHalfBinding, StoreHalfParam> = specialise(
  storeHalf,
  keyValueConstants("f16"),
);
