// Chooses tokens with a workgroup per row: where a GPU has few rows and a vocabulary of tens of thousands.
import source from "../../../shaders/sampling/choose-token-workgroup.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition } from "../../gpu/kernel.js";
import {
  chooseTokenInterface,
  type ChooseTokenBinding,
  type ChooseTokenKernel,
  type ChooseTokenParam,
} from "./choose-token.js";

const choose: KernelDefinition<ChooseTokenBinding, ChooseTokenParam> = {
  name: "sampling.choose-token-workgroup",
  source,
  ...chooseTokenInterface,
  grid: ({ rowCount }) => foldGrid(rowCount),
};

/** 64 invocations share a row, and 0.5 KiB of workgroup memory, which every adapter has. */
export const workgroupChooseToken: ChooseTokenKernel = {
  name: "row-per-workgroup",
  variant: specialise(choose, {}),
};
