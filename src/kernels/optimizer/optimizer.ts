// Optimizer steps, and the global norm of a gradient that they clip by.
import adamwSource from "../../../shaders/optimizer/adamw.wgsl?raw";
import addSource from "../../../shaders/optimizer/add.wgsl?raw";
import sgdSource from "../../../shaders/optimizer/sgd.wgsl?raw";
import sumSquaresSource from "../../../shaders/optimizer/sum-squares.wgsl?raw";
import sumSource from "../../../shaders/optimizer/sum.wgsl?raw";
import vectors from "../../../shaders/common/vectors.wgsl?raw";
import { foldGrid, specialise, type KernelDefinition, type KernelVariant } from "../../gpu/kernel.js";

export type AdamWBinding = "gradient" | "squares" | "weight" | "first" | "second";
export type AdamWParam =
  | "vectorCount"
  | "rate"
  | "beta1"
  | "beta2"
  | "epsilon"
  | "decay"
  | "firstCorrection"
  | "secondCorrection"
  | "maxNorm";
export type SgdBinding = "gradient" | "squares" | "weight" | "velocity";
export type SgdParam = "vectorCount" | "rate" | "momentum" | "decay" | "maxNorm";
export type SumSquaresBinding = "X" | "sums";
export type SumSquaresParam = "vectorCount" | "firstPartial";
export type SumBinding = "X" | "Y";

/** vec4s per sum of sum-squares, and terms per sum of sum. */
export const SUM_TERMS = 64;

const adamw: KernelDefinition<AdamWBinding, AdamWParam> = {
  name: "optimizer.adamw",
  source: adamwSource,
  common: [],
  bindings: {
    gradient: "read",
    squares: "read",
    weight: "readWrite",
    first: "readWrite",
    second: "readWrite",
  },
  params: {
    vectorCount: "u32",
    rate: "f32",
    beta1: "f32",
    beta2: "f32",
    epsilon: "f32",
    decay: "f32",
    firstCorrection: "f32",
    secondCorrection: "f32",
    maxNorm: "f32",
  },
  grid: ({ vectorCount }) => foldGrid(Math.ceil(vectorCount / 64)),
};

const sgd: KernelDefinition<SgdBinding, SgdParam> = {
  name: "optimizer.sgd",
  source: sgdSource,
  common: [],
  bindings: { gradient: "read", squares: "read", weight: "readWrite", velocity: "readWrite" },
  params: { vectorCount: "u32", rate: "f32", momentum: "f32", decay: "f32", maxNorm: "f32" },
  grid: ({ vectorCount }) => foldGrid(Math.ceil(vectorCount / 64)),
};

const sumSquares: KernelDefinition<SumSquaresBinding, SumSquaresParam> = {
  name: "optimizer.sum-squares",
  source: sumSquaresSource,
  common: [vectors],
  bindings: { X: "read", sums: "readWrite" },
  params: { vectorCount: "u32", firstPartial: "u32" },
  grid: ({ vectorCount }) => foldGrid(Math.ceil(Math.ceil(vectorCount / SUM_TERMS) / 32)),
};

const sum: KernelDefinition<SumBinding, "count"> = {
  name: "optimizer.sum",
  source: sumSource,
  common: [],
  bindings: { X: "read", Y: "readWrite" },
  params: { count: "u32" },
  grid: ({ count }) => foldGrid(Math.ceil(Math.ceil(count / SUM_TERMS) / 32)),
};

const add: KernelDefinition<SumBinding, "vectorCount"> = {
  name: "optimizer.add",
  source: addSource,
  common: [],
  bindings: { X: "read", Y: "readWrite" },
  params: { vectorCount: "u32" },
  grid: ({ vectorCount }) => foldGrid(Math.ceil(vectorCount / 64)),
};

export const adamwVariant: KernelVariant<AdamWBinding, AdamWParam> = specialise(adamw, {});
export const sgdVariant: KernelVariant<SgdBinding, SgdParam> = specialise(sgd, {});
export const sumSquaresVariant: KernelVariant<SumSquaresBinding, SumSquaresParam> = specialise(
  sumSquares,
  {},
);
export const sumVariant: KernelVariant<SumBinding, "count"> = specialise(sum, {});
export const addVariant: KernelVariant<SumBinding, "vectorCount"> = specialise(add, {});
