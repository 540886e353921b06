// All families, those of encoders among them, and what else is only about encoders. Loaded when a file is of none that predict tokens.
import { bertLike } from "./bert.js";
import { modernBert } from "./modern-bert.js";
import { nomicBert } from "./nomic-bert.js";
import type { Family } from "../family.js";
import { decoders } from "../registry.js";

export { relevanceOf } from "./heads.js";

export const families: readonly Family[] = [...decoders, ...bertLike, modernBert, nomicBert];
