// Puts a GPU's check into words, the same ones on the page and in the command.
import { percent, thousands } from "../words.js";
import type { Figure } from "./figures.js";

/** A figure with its unit, or why there is none. */
export function describeFigure(figure: Figure, unit: string): string {
  if (figure.value === null) return `(unknown: ${figure.why})`;
  const { value } = figure;
  return `${value < 10 ? value.toFixed(1) : thousands(value)} ${unit}`;
}

export function describeShare(figure: Figure): string {
  return figure.value === null ? "unknown" : percent(figure.value, figure.value < 0.1 ? 1 : 0);
}
