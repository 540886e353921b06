// Thoughts and text of an answer, whatever the pieces are in which it comes.
import { describe, expect, it } from "vitest";
import type { AnswerPart } from "../../../src/answer/answer-part.js";
import { ThoughtSplitter, thoughtsBegin, type ThoughtsBegin } from "../../../src/answer/thoughts.js";

function split(begin: ThoughtsBegin, pieces: readonly string[]): { thoughts: string; text: string } {
  const splitter = new ThoughtSplitter(begin);
  const parts: AnswerPart[] = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.finish()];
  const all = (type: string): string =>
    parts.map((part) => (part.type === type && "text" in part ? part.text : "")).join("");
  return { thoughts: all("reasoning"), text: all("text") };
}

const cases: readonly [ThoughtsBegin, string, string, string][] = [
  ["with-tag", "<think>\nIt is two.\n</think>\n\nTwo.", "It is two.", "Two."],
  ["with-tag", "\n<think> a < b </ think> </think>c", "a < b </ think>", "c"],
  ["with-tag", "No thoughts: <think>x</think>", "", "No thoughts: <think>x</think>"],
  ["with-tag", " Two, <b>bold</b>.\n", "", " Two, <b>bold</b>.\n"],
  ["with-tag", "<think></think>Two.", "", "Two."],
  ["with-tag", "<think>It was cut </thi", "It was cut </thi", ""],
  ["with-tag", "<thin", "", "<thin"],
  ["with-tag", "  ", "", "  "],
  ["at-once", "It is two.\n</think>\nTwo.", "It is two.", "Two."],
  ["at-once", "<think>It is two.</think>Two.", "It is two.", "Two."],
  ["at-once", "</think>Two.", "", "Two."],
  ["at-once", "never closed", "never closed", ""],
  ["never", "<think>x</think>", "", "<think>x</think>"],
];

describe("an answer is taken apart", () => {
  it.each(cases)("%s: %j", (begin, answer, thoughts, text) => {
    expect(split(begin, [answer])).toEqual({ thoughts, text });
    expect(split(begin, answer.split(""))).toEqual({ thoughts, text });
    for (let at = 1; at < answer.length; at++)
      expect(split(begin, [answer.slice(0, at), answer.slice(at)]), `cut at ${at}`).toEqual({
        thoughts,
        text,
      });
  });

  it("as it comes: text is held back only while it may be a tag", () => {
    const splitter = new ThoughtSplitter("with-tag");
    expect(splitter.push("<think>")).toEqual([]);
    expect(splitter.push("a")).toEqual([{ type: "reasoning", text: "a" }]);
    expect(splitter.push(" b<")).toEqual([{ type: "reasoning", text: " b" }]);
    expect(splitter.push("c</think>d")).toEqual([
      { type: "reasoning", text: "<c" },
      { type: "text", text: "d" },
    ]);
    expect(splitter.push("<think>")).toEqual([{ type: "text", text: "<think>" }]);
  });
});

describe("where thoughts begin", () => {
  const chat =
    "{% for m in messages %}{{ '<think>' + m.reasoning }}{% endfor %}{% if add_generation_prompt %}";
  it("is said by the end of the template", () => {
    expect(thoughtsBegin(undefined)).toBe("with-tag");
    expect(thoughtsBegin(`${chat}{{ 'assistant' }}{% endif %}`)).toBe("with-tag");
    expect(thoughtsBegin(`${chat}{{ 'assistant<think>' }}{% endif %}`)).toBe("at-once");
    expect(thoughtsBegin(`${chat}{% if not enable_thinking %}{{ '<think></think>' }}{% endif %}`)).toBe(
      "with-tag",
    );
  });

  it("is said by a variable where the template asks for it", () => {
    const template = `${chat}{% if off %}{{ '<think></think>' }}{% else %}{{ '<think>' }}{% endif %}{% endif %}`;
    expect(thoughtsBegin(template)).toBe("at-once");
    expect(thoughtsBegin(template, { enable_thinking: true })).toBe("at-once");
    expect(thoughtsBegin(template, { enable_thinking: false })).toBe("with-tag");
  });
});
