// Shows a sentence token by token: the less the model expected a token, the stronger its colour.
import { create } from "../figure.js";
import type { ScoredPiece } from "../../jobs/score.js";
import { percent } from "../../jobs/words.js";

/** From this many nats on (a chance of 0.03 %), all tokens have the same colour. */
const MOST_NATS = 8;

export function renderHeatMap(pieces: readonly ScoredPiece[]): HTMLElement {
  const line = create("span", "", "heat");
  for (const { text, tokens, logProbability } of pieces) {
    const piece = create("span", text);
    if (logProbability !== undefined) {
      piece.style.setProperty("--surprise", Math.min(1, -logProbability / MOST_NATS).toFixed(3));
      const chance = Math.exp(logProbability);
      const several = tokens > 1 ? `${tokens} tokens together: ` : "";
      piece.title = `${several}${percent(chance, chance < 0.1 ? 2 : 0)}, ${(-logProbability).toFixed(2)} nats`;
    }
    line.append(piece);
  }
  return line;
}
