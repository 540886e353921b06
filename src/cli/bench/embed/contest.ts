// Turns of a contest between programs that embed: the same texts in the same order, as many as there is time for.
import type { EmbeddingPeer } from "../peers/transformers-js.js";

export interface Contestant extends EmbeddingPeer {
  /** Whether it takes texts of any lengths at once without padding them, so that their order is of no use to it. */
  readonly isRagged?: boolean;
}

export type Draw = readonly { readonly tokens: number; readonly text: string }[];

export interface Turn {
  readonly texts: number;
  readonly tokens: number;
  readonly ms: number;
}

/** Texts that are sorted together before they are cut into batches: an application has as many at hand. */
const WINDOW = 128;

/** Embeds the draw from its beginning, in batches of texts of similar lengths, until the time is up or there are no more. */
export async function embedFor(
  own: Contestant,
  draw: Draw,
  { batch, turnMs }: { readonly batch: number; readonly turnMs: number },
): Promise<Turn> {
  const beganMs = performance.now();
  let texts = 0;
  let tokens = 0;
  for (const part of batchesOf(draw, batch, own.isRagged ?? false)) {
    await own.embed(part.map(({ text }) => text));
    texts += part.length;
    tokens += part.reduce((sum, { tokens: length }) => sum + length, 0);
    if (performance.now() - beganMs >= turnMs) break;
  }
  return { texts, tokens, ms: performance.now() - beganMs };
}

function* batchesOf(draw: Draw, batch: number, isRagged: boolean): Generator<Draw> {
  for (let first = 0; first < draw.length; first += WINDOW) {
    const window = draw.slice(first, first + WINDOW);
    const sorted = isRagged ? window : window.toSorted((a, b) => a.tokens - b.tokens);
    // In the order of the draw again, batch by batch: else a turn that ends early has had only short texts.
    const batches = Array.from({ length: Math.ceil(sorted.length / batch) }, (_, index) =>
      sorted.slice(index * batch, (index + 1) * batch),
    );
    const middleFirst = batches.toSorted(
      (a, b) =>
        Math.abs(batches.indexOf(a) - batches.length / 2) - Math.abs(batches.indexOf(b) - batches.length / 2),
    );
    yield* middleFirst;
  }
}

const sizes = [1, 8, 32, WINDOW];

/** The size of batch with which it is fastest on the first texts. A slow one is not tried with more than it can do in a turn. */
export async function bestBatch(own: Contestant, draw: Draw, turnMs: number): Promise<number> {
  if (own.isRagged) return WINDOW;
  let best = { size: 1, speed: 0 };
  for (const size of sizes) {
    const { texts, ms } = await embedFor(own, draw.slice(0, WINDOW), { batch: size, turnMs: turnMs / 4 });
    const speed = texts / ms;
    if (speed > best.speed) best = { size, speed };
    if (ms > turnMs) break;
  }
  return best.size;
}
