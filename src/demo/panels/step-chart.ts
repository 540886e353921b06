// Draws a live picture of generation: a lane per text, with a bar for every step that computed rows of it. It shows texts
// arriving and leaving, prompts read in slices beside texts being written, and the steps that they share.
import type { GenerationStep } from "../../index.js";
import { count } from "../../jobs/words.js";

/** The time that the picture shows. */
const WINDOW_MS = 4000;
const MOST_LANES = 32;
const RULER_HEIGHT = 18;
/** The least time between two drawings, because drawing thousands of bars takes time from generation. */
const REST_MS = 100;

/** A step, with the earliest time at which the GPU can have begun it. */
interface ShownStep extends GenerationStep {
  readonly beganMs: number;
}

export class StepChart {
  readonly #canvas: HTMLCanvasElement;
  readonly #note: HTMLElement;
  #steps: ShownStep[] = [];
  /** The requests in the picture, by lane. */
  #lanes: number[] = [];
  #endMs = 0;
  #isAsked = false;
  #drawnMs = -Infinity;
  #pointer: number | undefined;

  constructor(canvas: HTMLCanvasElement, note: HTMLElement) {
    this.#canvas = canvas;
    this.#note = note;
    const look = (x: number | undefined): void => {
      this.#pointer = x;
      this.#ask();
    };
    canvas.addEventListener("pointermove", (event) => look(event.offsetX));
    canvas.addEventListener("pointerleave", () => look(undefined));
    new ResizeObserver(() => this.#ask()).observe(canvas);
  }

  add(step: GenerationStep): void {
    const before = this.#steps.findLast(({ queue }) => queue === step.queue);
    this.#steps.push({ ...step, beganMs: Math.max(step.submittedMs, before?.doneMs ?? 0) });
    this.#endMs = step.doneMs;
    while (this.#steps[0]!.doneMs < this.#endMs - WINDOW_MS) this.#steps.shift();
    this.#ask();
  }

  /** Asks for a drawing, which happens once, however often it is asked for. */
  #ask(): void {
    if (this.#steps.length === 0 || this.#isAsked) return;
    this.#isAsked = true;
    const draw = (): void => {
      this.#isAsked = false;
      this.#drawnMs = performance.now();
      this.#draw();
    };
    const restMs = this.#drawnMs + REST_MS - performance.now();
    setTimeout(() => requestAnimationFrame(draw), Math.max(0, restMs));
  }

  #draw(): void {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = window.devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d")!;
    pen.scale(scale, scale);
    const colours = coloursOf(canvas);
    const startMs = this.#endMs - WINDOW_MS;
    const xOf = (ms: number): number => ((ms - startMs) / WINDOW_MS) * width;

    this.#placeLanes();
    const laneHeight = (height - RULER_HEIGHT) / Math.max(6, this.#lanes.length);
    const shown =
      this.#pointer === undefined ? undefined : this.#stepAt(startMs + (this.#pointer / width) * WINDOW_MS);
    pen.font = "11px system-ui, sans-serif";
    for (let ms = 0; ms < WINDOW_MS; ms += 1000) {
      pen.fillStyle = colours.line;
      pen.fillRect(xOf(this.#endMs - ms) - 1, 0, 1, height);
      pen.fillStyle = colours.quiet;
      pen.textAlign = "right";
      pen.fillText(ms === 0 ? "now" : `−${ms / 1000} s`, xOf(this.#endMs - ms) - 5, height - 5);
    }
    for (const step of this.#steps) {
      const x = xOf(step.beganMs);
      const barWidth = Math.max(1, xOf(step.doneMs) - x - 0.5);
      if (step === shown) {
        pen.fillStyle = colours.line;
        pen.fillRect(x, 0, barWidth, height - RULER_HEIGHT);
      }
      for (const { request, samples, tokenCount } of step.parts) {
        const lane = this.#lanes.indexOf(request);
        if (lane < 0) continue;
        pen.fillStyle = samples && tokenCount === 1 ? colours.token : colours.prompt;
        pen.fillRect(x, lane * laneHeight + 1, barWidth, Math.max(1, laneHeight - 2));
      }
    }
    this.#describe(shown ?? this.#steps.at(-1)!);
  }

  /** A text keeps its lane while it is in the picture. New texts take the lanes of texts that left. */
  #placeLanes(): void {
    const present = new Set(this.#steps.flatMap(({ parts }) => parts.map(({ request }) => request)));
    const newcomers = [...present]
      .filter((request) => !this.#lanes.includes(request))
      .toSorted((a, b) => a - b);
    this.#lanes = this.#lanes.map((request) => (present.has(request) ? request : (newcomers.shift() ?? -1)));
    this.#lanes.push(...newcomers);
    while (this.#lanes.at(-1) === -1) this.#lanes.pop();
    this.#lanes.length = Math.min(this.#lanes.length, MOST_LANES);
  }

  #stepAt(ms: number): ShownStep | undefined {
    return this.#steps.find(({ beganMs, doneMs }) => beganMs <= ms && ms < doneMs);
  }

  #describe({ beganMs, doneMs, parts, waiting, queue }: ShownStep): void {
    const rows = parts.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    const tokens = parts.filter(({ samples }) => samples).length;
    const words = `Queue ${queue}, one step: ${(doneMs - beganMs).toFixed(1)} ms for ${count(rows, "row")} of ${count(parts.length, "text")}, which gave ${count(tokens, "token")}; ${waiting} waiting.`;
    if (this.#note.textContent !== words) this.#note.textContent = words;
  }
}

interface Colours {
  readonly line: string;
  readonly quiet: string;
  readonly prompt: string;
  readonly token: string;
}

/** The page's colours, which differ between light and dark mode. */
function coloursOf(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name);
  return { line: of("--line"), quiet: of("--quiet"), prompt: of("--slice"), token: of("--attention") };
}
