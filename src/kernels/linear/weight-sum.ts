// Adds the sums of a weight's gradient over slabs of rows, in their order: see weight-slabs.ts.
import source from "../../../shaders/linear/backward-weight-sum.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

type WeightSumBinding = "partialW" | "partialB" | "dW" | "db";
type WeightSumParam = "weightVectors" | "biasVectors" | "slabs";

const weightSum: KernelDefinition<WeightSumBinding, WeightSumParam> = {
  name: "linear.backward-weight-sum",
  source,
  common: [],
  bindings: { partialW: "read", partialB: "read", dW: "readWrite", db: "readWrite" },
  params: { weightVectors: "u32", biasVectors: "u32", slabs: "u32" },
  grid: ({ weightVectors, biasVectors }) => foldGrid(Math.ceil((weightVectors + biasVectors) / 64)),
};

export const weightSumVariant: KernelVariant<WeightSumBinding, WeightSumParam> = specialise(weightSum, {});
