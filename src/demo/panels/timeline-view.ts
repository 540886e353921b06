// The picture of a run, interactive: zooms and moves it, and describes stages, by pointer or by keyboard.
import { measureTrace, renderTimeline, type Trace } from "../../index.js";
import { setDisabled } from "../set-disabled.js";
import { describeStage, stagesOf, neighbourOf, type ShownStage } from "./timeline-stages.js";

export interface TimelineElements {
  /** The element that holds the picture and receives the keys. */
  readonly host: HTMLElement;
  /** Describes the stage under the pointer, or chosen by keyboard. */
  readonly note: HTMLElement;
  readonly closer: HTMLButtonElement;
  readonly farther: HTMLButtonElement;
  readonly whole: HTMLButtonElement;
}

/** The factor of one zoom, and how far one can zoom in. */
const ZOOM = 1.6;
const LEAST_MS = 0.05;

const style = `
svg { display: block; width: 100%; min-width: 900px; height: auto; touch-action: pan-x pan-y; }
.chosen > rect:first-of-type { stroke: currentColor; stroke-width: 2; }`;

export class TimelineView {
  readonly #elements: TimelineElements;
  readonly #root: ShadowRoot;
  #trace: Trace | undefined;
  #title = "";
  #stages: readonly ShownStage[] = [];
  #wholeMs = 0;
  /** What is shown, in ms since the run began. */
  #fromMs = 0;
  #toMs = 0;
  #chosen: ShownStage | undefined;
  #isAsked = false;

  constructor(elements: TimelineElements) {
    this.#elements = elements;
    const { host, closer, farther, whole } = elements;
    // A shadow tree, because the picture's style rules must not affect the page.
    this.#root = host.attachShadow({ mode: "open" });
    closer.addEventListener("click", () => this.#zoom(1 / ZOOM));
    farther.addEventListener("click", () => this.#zoom(ZOOM));
    whole.addEventListener("click", () => this.#show(0, this.#wholeMs));
    host.addEventListener("keydown", (event) => this.#onKey(event));
    host.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    this.#root.addEventListener("pointermove", (event) => this.#onHover(event as PointerEvent));
    host.addEventListener("pointerdown", (event) => this.#onGrab(event));
  }

  /** Shows a run. If only a part was shown, the same part stays. */
  show(trace: Trace, title: string): void {
    const wasWhole = this.#toMs - this.#fromMs >= this.#wholeMs;
    this.#trace = trace;
    this.#title = title;
    this.#stages = stagesOf(trace);
    this.#wholeMs = measureTrace(trace).makespanMs;
    this.#choose(undefined);
    if (wasWhole) this.#show(0, this.#wholeMs);
    else this.#show(this.#fromMs, this.#toMs);
  }

  /** Shows this span of time, moved so that it lies within the run. */
  #show(fromMs: number, toMs: number): void {
    const lengthMs = Math.min(this.#wholeMs, Math.max(LEAST_MS, toMs - fromMs));
    this.#fromMs = Math.max(0, Math.min(fromMs, this.#wholeMs - lengthMs));
    this.#toMs = this.#fromMs + lengthMs;
    const { closer, farther, whole } = this.#elements;
    const isWhole = lengthMs >= this.#wholeMs;
    const isClosest = lengthMs <= LEAST_MS;
    // Enables first, because an enabled button may receive the focus.
    if (isWhole) setDisabled(closer, isClosest);
    setDisabled(farther, isWhole, closer);
    setDisabled(whole, isWhole, closer);
    setDisabled(closer, isClosest, farther);
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#draw();
    });
  }

  #draw(): void {
    if (!this.#trace) return;
    const part = { fromMs: this.#fromMs, toMs: this.#toMs };
    this.#root.innerHTML = `<style>${style}</style>${renderTimeline(this.#trace, { title: this.#title, ...part })}`;
    this.#mark();
  }

  /** Zooms around `centreMs`; by default around the chosen stage, or the middle. */
  #zoom(factor: number, centreMs: number = this.#centreMs()): void {
    const lengthMs = (this.#toMs - this.#fromMs) * factor;
    const share = (centreMs - this.#fromMs) / (this.#toMs - this.#fromMs);
    this.#show(centreMs - share * lengthMs, centreMs + (1 - share) * lengthMs);
  }

  #centreMs(): number {
    const { beginMs, endMs } = this.#chosen ?? { beginMs: this.#fromMs, endMs: this.#toMs };
    return Math.min(this.#toMs, Math.max(this.#fromMs, (beginMs + endMs) / 2));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.#zoom(1 / ZOOM);
    else if (event.key === "-") this.#zoom(ZOOM);
    else if (event.key === "0") this.#show(0, this.#wholeMs);
    else if (event.key === "Escape") this.#choose(undefined);
    else if (event.key.startsWith("Arrow")) this.#step(event.key);
    else return;
    event.preventDefault();
  }

  #step(key: string): void {
    const next = neighbourOf(this.#stages, this.#chosen, key);
    if (!next) return;
    this.#choose(next, true);
    const lengthMs = this.#toMs - this.#fromMs;
    if (next.beginMs < this.#fromMs) this.#show(next.beginMs, next.beginMs + lengthMs);
    else if (next.endMs > this.#toMs) this.#show(next.endMs - lengthMs, next.endMs);
  }

  /** Zooms with Ctrl and the wheel, which is also how browsers report a pinch. Without Ctrl, the wheel scrolls the page. */
  #onWheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.#zoom(Math.exp(event.deltaY / 200), this.#timeAt(event.clientX));
  }

  #onHover(event: PointerEvent): void {
    const id = (event.target as Element).closest("[data-stage]")?.getAttribute("data-stage");
    const stage = this.#stages.find((own) => own.id === id);
    if (stage) this.#choose(stage);
  }

  /** Moves the shown part by dragging. */
  #onGrab(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const { host } = this.#elements;
    const [fromMs, toMs] = [this.#fromMs, this.#toMs];
    const msPerPixel = (toMs - fromMs) / Math.max(1, this.#lane().width);
    const move = (moved: PointerEvent): void => {
      const byMs = (event.clientX - moved.clientX) * msPerPixel;
      this.#show(fromMs + byMs, toMs + byMs);
    };
    host.setPointerCapture(event.pointerId);
    host.addEventListener("pointermove", move);
    host.addEventListener("lostpointercapture", () => host.removeEventListener("pointermove", move), {
      once: true,
    });
  }

  #choose(stage: ShownStage | undefined, isByKey = false): void {
    if (stage && stage === this.#chosen) return;
    this.#chosen = stage;
    const { note } = this.#elements;
    // A pointer passes over many stages, so only a stage chosen by keyboard is read aloud.
    note.ariaLive = isByKey ? "polite" : "off";
    note.textContent = stage
      ? describeStage(stage)
      : "Point at a stage, or choose it with the arrow keys. + and − zoom, 0 shows all, dragging moves.";
    this.#mark();
  }

  #mark(): void {
    for (const old of this.#root.querySelectorAll(".chosen")) old.classList.remove("chosen");
    const id = this.#chosen?.id;
    if (id !== undefined) this.#root.querySelector(`[data-stage="${id}"]`)?.classList.add("chosen");
  }

  #timeAt(clientX: number): number {
    const { left, width } = this.#lane();
    return this.#fromMs + ((clientX - left) / Math.max(1, width)) * (this.#toMs - this.#fromMs);
  }

  #lane(): DOMRect {
    return this.#root.querySelector(".lane")?.getBoundingClientRect() ?? new DOMRect();
  }
}
