// What a terminal is shown while texts are written: lines that update in place, never wider or more than it has.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { printable } from "../../../src/cli/terminal/printable.js";
import { StoryBoard, wholeTexts, type BoardOutput } from "../../../src/cli/terminal/story-board.js";

/** A terminal that does what the board's control sequences say. */
class Screen implements BoardOutput {
  readonly isTTY: boolean;
  readonly columns = 40;
  readonly rows: number;
  readonly lines: string[] = [""];
  #line = 0;

  constructor(options: { readonly isTTY: boolean; readonly rows?: number }) {
    this.isTTY = options.isTTY;
    this.rows = options.rows ?? 24;
  }

  write(text: string): void {
    const parts = text.replaceAll("\u001B[", "§").split(/(\n|\r|§\d*[A-Z])/);
    for (const part of parts) {
      const up = /^§(\d+)A$/.exec(part);
      if (up) this.#line -= Number(up[1]);
      else if (part === "§2K") this.lines[this.#line] = "";
      else if (part === "\n") this.lines[++this.#line] ??= "";
      else if (part !== "\r") this.lines[this.#line] += part;
      expect(this.#line).toBeGreaterThanOrEqual(0);
      expect(this.lines[this.#line]!.length).toBeLessThan(this.columns);
    }
  }
}

describe("StoryBoard", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("updates a line per text in place", () => {
    const screen = new Screen({ isTTY: true });
    const board = new StoryBoard(["The cat", "The dog"], screen);
    expect(screen.lines).toEqual(["1 · The cat", "2 · The dog", ""]);
    board.add({ index: 1, piece: " ran" });
    board.add({ index: 1, piece: " home.\nIt was" });
    vi.runAllTimers();
    expect(screen.lines).toEqual(["1 · The cat", "2 ▸ The dog ran home. It was", ""]);
    board.add({ index: 1, piece: " very tired and went to bed." });
    board.add({ index: 1, finishReason: "stop" });
    board.add({ index: 0, piece: " slept" });
    board.end();
    expect(screen.lines).toEqual(["1 ▸ The cat slept", "2 ■ …It was very tired and went to bed.", ""]);
  });

  it("prints a line when a text ends where lines cannot be updated", () => {
    for (const options of [{ isTTY: false }, { isTTY: true, rows: 2 }]) {
      const screen = new Screen(options);
      const board = new StoryBoard(["a", "b"], screen);
      board.add({ index: 0, piece: "1" });
      board.add({ index: 1, piece: "2" });
      expect(screen.lines).toEqual([""]);
      board.add({ index: 1, finishReason: "length" });
      board.add({ index: 0, finishReason: "stop" });
      board.end();
      expect(screen.lines).toEqual(["2 ■ b2", "1 ■ a1", ""]);
    }
  });

  it("shows no control characters, which a terminal would obey", () => {
    expect(printable("a\u001B[2Jb\u0007\u009B1A\n\tc")).toBe("a\uFFFD[2Jb\uFFFD\uFFFD1A\n\tc");
    const screen = new Screen({ isTTY: false });
    const board = new StoryBoard(["\u001B[5A"], screen);
    board.add({ index: 0, finishReason: "stop" });
    expect(screen.lines).toEqual(["1 ■ \uFFFD[5A", ""]);
  });
});

it("whole texts are numbered where there are several", () => {
  expect(wholeTexts([{ prompt: "a", text: "b" }])).toEqual(["ab"]);
  expect(
    wholeTexts([
      { prompt: "a", text: "b" },
      { prompt: "c", text: "d" },
    ]),
  ).toEqual(["--- 1 of 2 texts", "ab", "--- 2 of 2 texts", "cd"]);
});
