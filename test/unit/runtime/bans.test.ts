// Which tokens must not come next, by banned sequences, repetition and the least number of tokens.
import { describe, expect, it } from "vitest";
import {
  alwaysBanned,
  bannedNext,
  hasBans,
  needsTokens,
  type BanRules,
} from "../../../src/runtime/generate/bans.js";

const none: BanRules = { banned: [], noRepeatSize: 0, minTokens: 0, stopTokens: new Set([7]) };
const next = (rules: Partial<BanRules>, tokens: readonly number[], generated = 0): number[] =>
  [...bannedNext({ ...none, ...rules }, tokens, generated)].toSorted((a, b) => a - b);

describe("bans", () => {
  it("are those of single tokens always, and of the last token of a sequence behind the others", () => {
    const banned = [[3], [4, 5], [1, 2, 6]];
    expect(alwaysBanned({ ...none, banned })).toEqual([3]);
    expect(next({ banned }, [1, 4])).toEqual([5]);
    expect(next({ banned }, [4, 1, 2])).toEqual([6]);
    expect(next({ banned }, [2])).toEqual([]);
    expect(next({ banned }, [])).toEqual([]);
  });

  it("are what would make a sequence occur twice, in prompt and text", () => {
    expect(next({ noRepeatSize: 1 }, [3, 1, 3])).toEqual([1, 3]);
    expect(next({ noRepeatSize: 2 }, [1, 2, 3, 1])).toEqual([2]);
    expect(next({ noRepeatSize: 2 }, [1, 2, 1, 3, 1])).toEqual([2, 3]);
    expect(next({ noRepeatSize: 3 }, [1, 2, 3, 1, 2])).toEqual([3]);
    expect(next({ noRepeatSize: 3 }, [1, 2])).toEqual([]);
    expect(next({ noRepeatSize: 3 }, [1])).toEqual([]);
    expect(next({ noRepeatSize: 3 }, [5, 5, 5])).toEqual([5]);
  });

  it("are end tokens until there are enough others", () => {
    expect(next({ minTokens: 2 }, [1], 1)).toEqual([7]);
    expect(next({ minTokens: 2 }, [1], 2)).toEqual([]);
  });

  it("need the tokens so far only where these decide", () => {
    expect([none, { ...none, minTokens: 1 }, { ...none, banned: [[1]] }].map(needsTokens)).toEqual([
      false,
      false,
      false,
    ]);
    expect(
      [
        { ...none, noRepeatSize: 1 },
        { ...none, banned: [[1, 2]] },
      ].map(needsTokens),
    ).toEqual([true, true]);
    expect([none, { ...none, minTokens: 1 }, { ...none, banned: [[1]] }].map(hasBans)).toEqual([
      false,
      true,
      true,
    ]);
  });
});
