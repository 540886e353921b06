// Where tokens are in their texts, by tokenizers that change texts and by those that write bytes as characters.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { findPlaces } from "../../../../src/runtime/texts/places.js";
import { loadTokenizer, type TextTokenizer } from "../../../../src/text/tokenizer.js";
import { fixturePath } from "../../../helpers/fixtures.js";
import { describeWithModel, sharedPath } from "../../../helpers/shared-models.js";

const load = async (folder: string): Promise<TextTokenizer> =>
  loadTokenizer(
    JSON.parse(readFileSync(`${folder}/tokenizer.json`, "utf8")),
    JSON.parse(readFileSync(`${folder}/tokenizer_config.json`, "utf8")),
  );

/** The parts of a text that its tokens are. */
async function partsOf(folder: string, text: string): Promise<(string | undefined)[]> {
  const tokenizer = await load(folder);
  const ids = tokenizer.encode(text);
  return findPlaces(tokenizer, text, ids).map((place) => place && text.slice(place.start, place.end));
}

const pieces = fixturePath("encoders", "bert-cross-encoder");

it("tokens of words are found in the text as it was written", async () => {
  expect(await partsOf(pieces, "The  DOG\tran.")).toEqual([
    undefined,
    "The",
    "DO",
    "G",
    "r",
    "an",
    ".",
    undefined,
  ]);
  expect(await partsOf(pieces, "")).toEqual([undefined, undefined]);
  // Accents are taken off, and what the vocabulary lacks is whole words.
  const accents = await partsOf(pieces, "é the 海海 sea");
  expect(accents[1]).toMatch(/^é$/u);
  expect(accents.slice(2, -1).join(" ")).toMatch(/^the 海 海 /);
  expect(accents.at(-2)).toBe("sea".slice(-accents.at(-2)!.length));
});

it("what a user writes as a special token is where it was written", async () => {
  const parts = await partsOf(pieces, "the [SEP] sea");
  expect(parts.slice(0, 3)).toEqual([undefined, "the", "[SEP]"]);
});

describeWithModel("sentence/roberta-mean", 1, () => {
  it("tokens of bytes are found too, also where several make a character", async () => {
    const folder = sharedPath("models", "sentence", "roberta-mean");
    const text = "The dog — naïve 海 ran!";
    const parts = await partsOf(folder, text);
    expect([parts[0], parts.at(-1)]).toEqual([undefined, undefined]);
    let at = 0;
    for (const part of parts.slice(1, -1)) {
      // A character whose bytes are several tokens is the place of each.
      const found = text.indexOf(part!, Math.max(0, at - part!.length));
      expect(found, part).toBeGreaterThanOrEqual(0);
      at = found + part!.length;
    }
    expect(at).toBe(text.length);
  });
});
