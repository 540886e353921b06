// What generation_config.json says about how tokens are chosen, and what it must not say.
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/errors.js";
import { readGenerationDefaults } from "../../../src/runtime/generate/defaults.js";
import { readModelConfig } from "../../../src/families/registry.js";
import { unusedGenerationKeys } from "../../../src/runtime/load/generation-keys.js";
import { makeTinyModel } from "../../helpers/tiny-model.js";

const config = { ...readModelConfig(makeTinyModel().config).config, endTokens: [7] };

describe("unusedGenerationKeys", () => {
  it("lists what would change a text and is not computed", () => {
    const file = {
      num_beams: 4,
      penalty_alpha: 0.6,
      top_k: 5,
      bos_token_id: 1,
      use_cache: true,
      eos_token_id: 2,
    };
    expect(unusedGenerationKeys(file)).toEqual(["num_beams", "penalty_alpha"]);
    expect(unusedGenerationKeys({ num_beams: 1, output_scores: false, guidance_scale: null })).toEqual([]);
    expect(unusedGenerationKeys(undefined)).toEqual([]);
  });
});

describe("readGenerationDefaults", () => {
  it("takes the likeliest token, until the config's end token, where there is no file", () => {
    const { sampling, stopTokens, maxTokens } = readGenerationDefaults(undefined, config);
    expect(sampling).toEqual({ temperature: 0 });
    expect([...stopTokens]).toEqual([7]);
    expect(maxTokens).toBeUndefined();
    expect(readGenerationDefaults({}, { ...config, endTokens: [] }).stopTokens.size).toBe(0);
    expect([...readGenerationDefaults({}, { ...config, endTokens: [7, 9] }).stopTokens]).toEqual([7, 9]);
  });

  it("reads every key it knows", () => {
    const file = {
      do_sample: true,
      temperature: 0.7,
      top_k: 40,
      top_p: 0.9,
      min_p: 0.1,
      repetition_penalty: 1.2,
      max_new_tokens: 5,
      max_length: 30,
      eos_token_id: [3, 4],
      transformers_version: "4.0.0",
    };
    const { sampling, stopTokens, maxTokens, maxLength } = readGenerationDefaults(file, config);
    expect(maxLength).toBe(30);
    expect(sampling).toEqual({ temperature: 0.7, topK: 40, topP: 0.9, minP: 0.1, repetitionPenalty: 1.2 });
    expect([...stopTokens]).toEqual([3, 4, 7]);
    expect(maxTokens).toBe(5);
  });

  it("reads what must not be generated, and when a text ends", () => {
    const file = {
      min_new_tokens: 3,
      stop_strings: "END",
      suppress_tokens: [1, 2],
      bad_words_ids: [[3], [4, 5]],
      no_repeat_ngram_size: 2,
    };
    const { sampling, stops } = readGenerationDefaults(file, config);
    expect(sampling).toEqual({ temperature: 0, minTokens: 3, noRepeatSize: 2, banned: [1, 2, [3], [4, 5]] });
    expect(stops).toEqual(["END"]);
    expect(readGenerationDefaults({ stop_strings: ["a", "b"] }, config).stops).toEqual(["a", "b"]);
    expect(readGenerationDefaults({ suppress_tokens: null, stop_strings: null }, config).stops).toEqual([]);
  });

  it("draws only where the file says so", () => {
    expect(readGenerationDefaults({ temperature: 0.7 }, config).sampling).toEqual({ temperature: 0 });
    expect(readGenerationDefaults({ do_sample: true }, config).sampling).toEqual({});
  });

  it("takes null for left out, and forgets end tokens that the vocabulary lacks", () => {
    const file = { do_sample: true, temperature: null, top_k: null, eos_token_id: [2, 13, null, "x"] };
    const { sampling, stopTokens } = readGenerationDefaults(file, config);
    expect(sampling).toEqual({});
    expect([...stopTokens]).toEqual([2, 7]);
  });

  it.each([
    [{ do_sample: true, temperature: -1 }, "temperature: expected a number from 0 to 100, received -1"],
    [{ do_sample: true, temperature: "hot" }, 'temperature: expected a number, received "hot"'],
    [{ top_k: 1.5 }, "top_k: expected a whole number of at least 0"],
    [{ top_p: 0 }, "top_p: expected a number above 0, at most 1, received 0"],
    [{ min_p: 2 }, "min_p: expected a number from 0 to 1, received 2"],
    [{ repetition_penalty: 0 }, "repetition_penalty: expected"],
    [{ max_new_tokens: 0 }, "max_new_tokens: expected a whole number of at least 1"],
    [{ max_new_tokens: 2.5 }, "received 2.5"],
    [{ stop_strings: [""] }, "stop_strings: expected a non-empty text or several"],
    [{ suppress_tokens: 3 }, "suppress_tokens: expected a list, received 3"],
    [{ bad_words_ids: [[]] }, "suppress_tokens and bad_words_ids: expected at least one id"],
    [{ suppress_tokens: [99] }, "suppress_tokens and bad_words_ids: expected a whole number from 0 to"],
    [{ no_repeat_ngram_size: -1 }, "no_repeat_ngram_size: expected a whole number of at least 0"],
    [[], "expected a JSON object, received []"],
    [null, "expected a JSON object, received null"],
    ["text", 'expected a JSON object, received "text"'],
  ])("refuses %j", (file, words) => {
    expect(() => readGenerationDefaults(file, config)).toThrow(FormatError);
    expect(() => readGenerationDefaults(file, config)).toThrow(words);
    expect(() => readGenerationDefaults(file, config)).toThrow(
      /^generation_config\.json: .*Correct the file/,
    );
  });
});
