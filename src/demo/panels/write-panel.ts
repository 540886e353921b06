// The panel that writes: texts arrive and leave while others are being written, each in a card, with common figures.
import {
  CancelledError,
  DisposedError,
  GenerationInterruptedError,
  type AdapterDescription,
  type GenerationHandle,
  type Model,
} from "../../index.js";
import { renderFigure, type Figure } from "../figure.js";
import { showStatus, type WriteElements } from "../page.js";
import type { Session } from "../session.js";
import { setDisabled } from "../set-disabled.js";
import { StepChart } from "./step-chart.js";
import { StreamCard } from "./stream-card.js";
import { WriteSpeed } from "./write-speed.js";
import { count, describeLoading, thousands } from "../../jobs/words.js";

/** The same as the default of the panel that scores, so that the model does not have to be loaded again. */
const queues = 2;
const figuresMs = 250;

interface WriteForm {
  readonly prompt: string;
  readonly count: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
}

export function connectWriting(
  elements: WriteElements,
  session: Session,
  onAdapter: (adapter: AdapterDescription) => void,
): void {
  const { form, status, streams } = elements;
  const live = new Map<StreamCard, GenerationHandle>();
  const ended = new Set<StreamCard>();
  const speed = new WriteSpeed();
  const chart = new StepChart(elements.chart, elements.step);
  let watched: Model | undefined;
  let loading: AbortController | undefined;
  let ticking: ReturnType<typeof setInterval> | undefined;
  let number = 0;
  /** The failures since the button was pressed. */
  let failures: string[] = [];

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!loading) void start();
  });
  elements.cancel.addEventListener("click", () => {
    loading?.abort();
    for (const handle of live.values()) handle.cancel();
  });
  elements.clear.addEventListener("click", () => {
    for (const card of ended) remove(card);
    elements.start.focus();
  });

  async function start(): Promise<void> {
    const { prompt, count: amount, seed, ...options } = readForm(form);
    loading = new AbortController();
    failures = [];
    update();
    try {
      if (!session.current) showStatus(status, "Loading the model …");
      const model = await session.model(queues, {
        signal: loading.signal,
        onProgress(progress) {
          showStatus(status, describeLoading(session.name, progress));
          if (progress.phase === "download" && progress.totalBytes)
            elements.progress.value = progress.loadedBytes / progress.totalBytes;
        },
      });
      // It may have been cancelled while another panel was loading.
      if (loading.signal.aborted) throw new CancelledError("Loading the model");
      onAdapter(model.info.adapter);
      if (watched !== model) model.watchSteps((step) => chart.add(step));
      watched = model;
      elements.steps.hidden = false;
      for (let index = 0; index < amount; index++) begin(model, prompt, { ...options, seed: seed + index });
      ticking ??= setInterval(() => showFigures(), figuresMs);
      showFigures();
      tell();
    } catch (error) {
      session.handleError(error);
      if (error instanceof CancelledError) showStatus(status, "Cancelled. Write when you like.");
      else showStatus(status, error instanceof Error ? error.message : String(error), true);
    } finally {
      loading = undefined;
      update();
    }
  }

  function begin(model: Model, prompt: string, options: Omit<WriteForm, "prompt" | "count">): void {
    const handle = model.generate(prompt, options);
    const card = new StreamCard(++number, describeChoice(options), prompt, {
      cancel: () => handle.cancel(),
      remove: () => remove(card),
    });
    live.set(card, handle);
    streams.prepend(card.element);
    void follow(model, handle, card);
  }

  async function follow(model: Model, handle: GenerationHandle, card: StreamCard): Promise<void> {
    try {
      for await (const piece of handle) card.add(piece);
      card.end(await handle);
    } catch (error) {
      const isInterrupted = error instanceof GenerationInterruptedError;
      const cause: unknown = isInterrupted ? error.cause : error;
      const words = cause instanceof Error ? cause.message : String(cause);
      failures.push(words);
      card.fail(words);
      // A disposed model has already been replaced.
      if (session.current === model && !(cause instanceof DisposedError)) session.handleError(cause);
    } finally {
      live.delete(card);
      ended.add(card);
      tell();
      showFigures();
      update();
    }
  }

  function remove(card: StreamCard): void {
    ended.delete(card);
    const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
    card.element.remove();
    // The focus must not be lost with the card.
    (next?.querySelector("button") ?? elements.start).focus();
    update();
  }

  function tell(): void {
    if (live.size > 0) showStatus(status, `Writing ${count(live.size, "text")}.`);
    else if (failures.length > 0)
      showStatus(status, `${count(failures.length, "text")} failed. ${failures[0]}`, true);
    else showStatus(status, "All texts have ended. Write more when you like.");
  }

  function update(): void {
    setDisabled(elements.start, loading !== undefined);
    elements.progress.hidden = loading === undefined || session.current !== undefined;
    setDisabled(elements.cancel, loading === undefined && live.size === 0, elements.start);
    setDisabled(elements.clear, ended.size === 0, elements.start);
    elements.start.textContent = live.size > 0 ? "Write more" : "Write";
    if (live.size > 0 || ticking === undefined) return;
    clearInterval(ticking);
    ticking = undefined;
    showFigures();
  }

  function showFigures(): void {
    const model = session.current;
    if (!model) return;
    elements.figures.replaceChildren(...figuresOf(model, speed, live.size > 0).map(renderFigure));
    elements.figures.hidden = false;
  }
}

function figuresOf(model: Model, speed: WriteSpeed, isWriting: boolean): Figure[] {
  const stats = model.stats();
  const { now, most } = speed.observe(stats.generatedTokens, performance.now(), isWriting);
  return [
    {
      name: "Speed",
      value: thousands(isWriting ? now : most),
      note: isWriting
        ? `tokens per second together; the most was ${thousands(most)}`
        : "tokens per second together, at the most",
    },
    { name: "Running", value: thousands(stats.running), note: `${thousands(stats.waiting)} waiting` },
    {
      name: "Pages in use",
      value: thousands(stats.cachePages - stats.freePages),
      note: `of ${thousands(stats.cachePages)} that hold keys and values`,
    },
    {
      name: "Steps",
      value: thousands(stats.steps),
      note: `${count(stats.generatedTokens, "token")} written`,
    },
    {
      name: "Rows",
      value: thousands(stats.computedRows),
      note: `tokens computed; ${thousands(stats.sharedRows)} more were shared by prompts`,
    },
  ];
}

function readForm(form: HTMLFormElement): WriteForm {
  const data = new FormData(form);
  const number = (name: string): number => Number(data.get(name));
  return {
    prompt: data.get("prompt") as string,
    count: number("count"),
    maxTokens: number("maxTokens"),
    temperature: number("temperature"),
    topK: number("topK"),
    topP: number("topP"),
    // Short enough to type again.
    seed: data.get("seed") === "" ? Math.floor(1e6 * Math.random()) : number("seed"),
  };
}

function describeChoice({ temperature, topK, topP, seed }: Omit<WriteForm, "prompt" | "count">): string {
  return [
    `temperature ${temperature}`,
    ...(topK > 0 ? [`top-k ${topK}`] : []),
    ...(topP < 1 ? [`top-p ${topP}`] : []),
    `seed ${seed}`,
  ].join(", ");
}
