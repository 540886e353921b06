// The panel that searches: an encoder turns texts into vectors, and a question finds those that are nearest to its own.
import { CancelledError, cosineSimilarity, DeviceError, Model, type ModelSource } from "../../index.js";
import { count, describeLoading, thousands } from "../../jobs/words.js";
import { renderFigure } from "../figure.js";
import { showStatus, type SearchElements } from "../page.js";
import { setDisabled } from "../set-disabled.js";
import { readModelFiles } from "./model-files.js";

/** How long the fingers may rest before a question counts as asked. */
const REST_MS = 150;
/** The most texts that are shown for a question. */
const MOST_SHOWN = 20;

interface Encoder {
  readonly source: ModelSource;
  readonly name: string;
}

/** Texts with their vectors, in the same order. */
interface Collection {
  readonly texts: readonly string[];
  readonly vectors: readonly Float32Array[];
}

export function connectSearch(elements: SearchElements, onModel: (model: Model) => void): void {
  const { form, status, progress, question } = elements;
  let chosen: Encoder | undefined;
  let loaded: (Encoder & { readonly model: Model }) | undefined;
  let collection: Collection | undefined;
  let running: AbortController | undefined;
  let resting: ReturnType<typeof setTimeout> | undefined;
  /** Counts questions, so that a late answer does not replace a newer one. */
  let asked = 0;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) void embed();
  });
  elements.cancel.addEventListener("click", () => running?.abort());
  elements.choose.addEventListener("click", () => elements.files.click());
  elements.files.addEventListener("change", () => void choose([...(elements.files.files ?? [])]));
  elements.encoder.addEventListener("input", () => (chosen = undefined));
  elements.texts.addEventListener("dragover", (event) => event.preventDefault());
  elements.texts.addEventListener("drop", (event) => void takeTexts(event));
  question.addEventListener("input", () => {
    clearTimeout(resting);
    resting = setTimeout(() => void ask(), REST_MS);
  });

  async function choose(files: readonly File[]): Promise<void> {
    try {
      const { name, ...source } = await readModelFiles(files);
      chosen = { source, name };
      showStatus(status, `${name} is loaded when you embed.`);
    } catch (error) {
      showStatus(status, (error as Error).message, true);
    }
  }

  /** A file of texts that is dropped takes the place of those in the field. */
  async function takeTexts(event: DragEvent): Promise<void> {
    const file = event.dataTransfer?.files[0];
    if (!file?.type.startsWith("text/")) return;
    event.preventDefault();
    event.stopPropagation();
    elements.texts.value = await file.text();
    elements.texts.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function embed(): Promise<void> {
    running = new AbortController();
    const { signal } = running;
    setBusy(true);
    try {
      const texts = linesOf(elements.texts.value);
      if (texts.length === 0) throw new Error("There are no texts: write or drop some, one per line.");
      const model = await load(signal);
      const startMs = performance.now();
      const { vectors, tokens, dimensions, truncated } = await model.embed(texts, {
        signal,
        onProgress({ done, total }) {
          showStatus(status, `Embedding: ${thousands(done)} of ${count(total, "text")}.`);
          progress.value = done / total;
        },
      });
      const seconds = (performance.now() - startMs) / 1000;
      collection = { texts, vectors };
      elements.figures.replaceChildren(
        ...[
          {
            name: "Texts",
            value: thousands(texts.length),
            note: `${count(tokens, "token")}, none of them padding`,
          },
          { name: "Speed", value: thousands(texts.length / seconds), note: "texts per second" },
          { name: "Vectors", value: thousands(dimensions), note: "numbers each" },
        ].map(renderFigure),
      );
      const cut = truncated.length === 0 ? "" : ` ${count(truncated.length, "text")} were too long and cut.`;
      showStatus(status, `Done.${cut} Ask something.`);
      elements.results.hidden = false;
      await ask();
    } catch (error) {
      if (signal.aborted || error instanceof CancelledError)
        showStatus(status, "Cancelled. Embed when you like.");
      else {
        // After an error of the device nothing can be trusted, so the next time loads again.
        if (error instanceof DeviceError) forget();
        showStatus(status, error instanceof Error ? error.message : String(error), true);
      }
    } finally {
      running = undefined;
      setBusy(false);
    }
  }

  async function load(signal: AbortSignal): Promise<Model> {
    const wanted = chosen ?? { source: elements.encoder.value.trim(), name: elements.encoder.value.trim() };
    if (loaded?.source === wanted.source) return loaded.model;
    forget();
    showStatus(status, "Loading the model …");
    const model = await Model.load(wanted.source, {
      queues: 1,
      signal,
      onProgress(own) {
        showStatus(status, describeLoading(wanted.name, own));
        if (own.phase === "download" && own.totalBytes) progress.value = own.loadedBytes / own.totalBytes;
      },
    });
    loaded = { ...wanted, model };
    onModel(model);
    return model;
  }

  function forget(): void {
    loaded?.model.dispose();
    loaded = undefined;
    collection = undefined;
    elements.results.hidden = true;
  }

  /** Shows the texts that are nearest to the question. */
  async function ask(): Promise<void> {
    const own = ++asked;
    const text = question.value.trim();
    if (!loaded || !collection) return;
    if (text === "") return elements.found.replaceChildren();
    const { model } = loaded;
    const { texts, vectors } = collection;
    const startMs = performance.now();
    try {
      const [vector] = (await model.embed([text])).vectors;
      if (own !== asked) return;
      const ranked = vectors
        .map((other, index) => ({ text: texts[index]!, score: cosineSimilarity(vector!, other) }))
        .toSorted((a, b) => b.score - a.score)
        .slice(0, MOST_SHOWN);
      elements.found.replaceChildren(...ranked.map(renderFound));
      showStatus(status, `Answered in ${(performance.now() - startMs).toFixed(0)} ms.`);
    } catch (error) {
      if (own === asked) showStatus(status, error instanceof Error ? error.message : String(error), true);
    }
  }

  function setBusy(isBusy: boolean): void {
    setDisabled(elements.start, isBusy);
    setDisabled(elements.cancel, !isBusy, elements.start);
    progress.hidden = !isBusy;
    progress.removeAttribute("value");
  }
}

const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** The score is told in words and as a bar behind the text. */
function renderFound({ text, score }: { readonly text: string; readonly score: number }): HTMLElement {
  const item = document.createElement("li");
  const value = document.createElement("span");
  value.className = "score";
  value.textContent = score.toFixed(3);
  const words = document.createElement("span");
  words.textContent = text;
  item.style.setProperty("--share", String(Math.max(0, score)));
  item.append(value, words);
  return item;
}
