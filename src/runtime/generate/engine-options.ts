// What of the options of loading is for the engines of generation, checked.
import { checkWhole } from "../../util/check.js";
import { checkGpuBudget } from "../load/check-input.js";
import type { LoadOptions } from "../load/load-options.js";
import type { EngineOptions } from "./engine.js";

/** Rows that a prompt gets in a step when it is its turn: few enough that many prompts share a step. */
const PROMPT_SLICE_TOKENS = 32;

/** Throws ArgumentError. */
export function checkEngineOptions(options: LoadOptions): EngineOptions {
  return {
    sliceTokens: PROMPT_SLICE_TOKENS,
    maxRunning: checkWhole("maxConcurrentRequests", options.maxConcurrentRequests, 64, {
      least: 1,
      most: 256,
      remedy: "It bounds how many requests share a step; others wait.",
    }),
    cacheBytes: checkWhole("cacheBytes", options.cacheBytes, 256 * 2 ** 20, {
      least: 1,
      remedy: "It is the most memory for keys and values on one queue.",
    }),
    gpuBudgetMs: checkGpuBudget(options.gpuBudgetMs),
  };
}
