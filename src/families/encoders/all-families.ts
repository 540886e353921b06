// All families, and what else is only about encoders. Loaded when a file is of none of the usual families.
import { bertLike } from "./bert.js";
import { modernBert } from "./modern-bert.js";
import { nomicBert } from "./nomic-bert.js";
import type { Family } from "../family.js";
import { gptNeox } from "../gpt-neox.js";
import { phi3 } from "../phi3.js";
import { usualFamilies } from "../registry.js";

export { relevanceOf } from "./heads.js";

export const families: readonly Family[] = [
  ...usualFamilies,
  phi3,
  gptNeox,
  ...bertLike,
  modernBert,
  nomicBert,
];
