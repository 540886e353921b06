// Copies of keys and values within a cache, for a page that is shared only in part.
import source from "../../../shaders/attention/copy-slots.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type CopySlotsBinding = "slotTable" | "KV";
type CopySlotsParam = "firstEntry" | "slotCount" | "slotVectors";

const copySlots: KernelDefinition<CopySlotsBinding, CopySlotsParam> = {
  name: "attention.copy-slots",
  source,
  common: [],
  bindings: { slotTable: "read", KV: "readWrite" },
  params: { firstEntry: "u32", slotCount: "u32", slotVectors: "u32" },
  grid: ({ slotCount, slotVectors }) => foldGrid(Math.ceil((slotCount * slotVectors) / 64)),
};

export const copySlotsVariant: KernelVariant<CopySlotsBinding, CopySlotsParam> = specialise(copySlots, {});
