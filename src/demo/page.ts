// The elements of index.html, by panel, and what all panels do with them.
import type { AdapterDescription } from "../index.js";
import type { TimelineElements } from "./panels/timeline-view.js";
import { describeAdapter } from "../jobs/words.js";

export interface PageElements {
  readonly form: HTMLFormElement;
  readonly batchField: HTMLElement;
  readonly linesField: HTMLElement;
  readonly run: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly adapter: HTMLElement;
  readonly results: HTMLElement;
  readonly figures: HTMLElement;
  readonly watch: HTMLButtonElement;
  readonly timeline: TimelineElements;
  readonly race: HTMLButtonElement;
  readonly racers: HTMLElement;
  /** Figures and picture of a pass, and what else can be done with its sentences. */
  readonly picture: HTMLElement;
  /** Shown once sentences have been scored. */
  readonly scored: HTMLElement;
  readonly sentences: HTMLElement;
  readonly savePicture: HTMLButtonElement;
  readonly saveTrace: HTMLButtonElement;
}

/** The elements of the panel that chooses the model. */
export interface ModelElements {
  readonly form: HTMLFormElement;
  readonly url: HTMLInputElement;
  readonly choose: HTMLButtonElement;
  readonly files: HTMLInputElement;
  readonly status: HTMLElement;
}

/** The elements of the panel that writes. */
export interface WriteElements {
  readonly form: HTMLFormElement;
  readonly start: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly clear: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly figures: HTMLElement;
  readonly steps: HTMLElement;
  readonly chart: HTMLCanvasElement;
  readonly step: HTMLElement;
  readonly streams: HTMLElement;
}

/** The elements of the panel that trains. */
export interface TrainElements {
  readonly form: HTMLFormElement;
  readonly textsField: HTMLElement;
  readonly start: HTMLButtonElement;
  readonly stop: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly results: HTMLElement;
  readonly figures: HTMLElement;
  readonly curve: SVGSVGElement;
  readonly samples: HTMLElement;
  readonly saveConfig: HTMLButtonElement;
  readonly saveWeights: HTMLButtonElement;
}

/** The elements of the panel that searches. */
export interface SearchElements {
  readonly form: HTMLFormElement;
  readonly encoder: HTMLInputElement;
  readonly choose: HTMLButtonElement;
  readonly files: HTMLInputElement;
  readonly texts: HTMLTextAreaElement;
  readonly start: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly results: HTMLElement;
  readonly figures: HTMLElement;
  readonly question: HTMLInputElement;
  readonly found: HTMLElement;
}

/** The elements of the panel that checks the GPU. */
export interface GpuElements {
  readonly start: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly results: HTMLElement;
  readonly bars: HTMLElement;
  readonly kernels: HTMLElement;
  readonly save: HTMLButtonElement;
  readonly copy: HTMLButtonElement;
}

export function findElements(): PageElements {
  return {
    form: find("job", HTMLFormElement),
    batchField: find("field-batch", HTMLElement),
    linesField: find("field-lines", HTMLElement),
    run: find("run", HTMLButtonElement),
    cancel: find("cancel", HTMLButtonElement),
    progress: find("progress", HTMLProgressElement),
    status: find("status", HTMLElement),
    adapter: find("adapter", HTMLElement),
    results: find("results", HTMLElement),
    figures: find("figures", HTMLElement),
    watch: find("watch", HTMLButtonElement),
    timeline: {
      host: find("timeline", HTMLElement),
      note: find("timeline-note", HTMLElement),
      closer: find("zoom-closer", HTMLButtonElement),
      farther: find("zoom-farther", HTMLButtonElement),
      whole: find("zoom-whole", HTMLButtonElement),
    },
    race: find("race", HTMLButtonElement),
    racers: find("racers", HTMLElement),
    picture: find("picture", HTMLElement),
    scored: find("scored", HTMLElement),
    sentences: find("sentences", HTMLElement),
    savePicture: find("save-picture", HTMLButtonElement),
    saveTrace: find("save-trace", HTMLButtonElement),
  };
}

export function findModelElements(): ModelElements {
  return {
    form: find("model", HTMLFormElement),
    url: find("model-url", HTMLInputElement),
    choose: find("model-choose", HTMLButtonElement),
    files: find("model-files", HTMLInputElement),
    status: find("model-status", HTMLElement),
  };
}

export function findWriteElements(): WriteElements {
  return {
    form: find("write", HTMLFormElement),
    start: find("write-start", HTMLButtonElement),
    cancel: find("write-cancel", HTMLButtonElement),
    clear: find("write-clear", HTMLButtonElement),
    progress: find("write-progress", HTMLProgressElement),
    status: find("write-status", HTMLElement),
    figures: find("write-figures", HTMLElement),
    steps: find("write-steps", HTMLElement),
    chart: find("write-chart", HTMLCanvasElement),
    step: find("write-step", HTMLElement),
    streams: find("streams", HTMLElement),
  };
}

export function findTrainElements(): TrainElements {
  return {
    form: find("train", HTMLFormElement),
    textsField: find("field-texts", HTMLElement),
    start: find("train-start", HTMLButtonElement),
    stop: find("train-stop", HTMLButtonElement),
    progress: find("train-progress", HTMLProgressElement),
    status: find("train-status", HTMLElement),
    results: find("train-results", HTMLElement),
    figures: find("train-figures", HTMLElement),
    curve: find("train-curve", SVGSVGElement),
    samples: find("train-samples", HTMLElement),
    saveConfig: find("train-save-config", HTMLButtonElement),
    saveWeights: find("train-save-weights", HTMLButtonElement),
  };
}

export function findSearchElements(): SearchElements {
  return {
    form: find("search", HTMLFormElement),
    encoder: find("search-encoder", HTMLInputElement),
    choose: find("search-choose", HTMLButtonElement),
    files: find("search-files", HTMLInputElement),
    texts: find("search-texts", HTMLTextAreaElement),
    start: find("search-start", HTMLButtonElement),
    cancel: find("search-cancel", HTMLButtonElement),
    progress: find("search-progress", HTMLProgressElement),
    status: find("search-status", HTMLElement),
    results: find("search-results", HTMLElement),
    figures: find("search-figures", HTMLElement),
    question: find("search-question", HTMLInputElement),
    found: find("search-found", HTMLElement),
  };
}

export function findGpuElements(): GpuElements {
  return {
    start: find("gpu-start", HTMLButtonElement),
    cancel: find("gpu-cancel", HTMLButtonElement),
    progress: find("gpu-progress", HTMLProgressElement),
    status: find("gpu-status", HTMLElement),
    results: find("gpu-results", HTMLElement),
    bars: find("gpu-bars", HTMLElement),
    kernels: find("gpu-kernels", HTMLElement),
    save: find("gpu-save", HTMLButtonElement),
    copy: find("gpu-copy", HTMLButtonElement),
  };
}

/** Shows a status. Screen readers read it aloud if it is new. */
export function showStatus(status: HTMLElement, words: string, isError: boolean = false): void {
  status.classList.toggle("error", isError);
  // Setting the same words again would have them read aloud again.
  if (status.textContent !== words) status.textContent = words;
}

/** Shows which adapter the page computes on. */
export function showAdapter(element: HTMLElement, adapter: AdapterDescription): void {
  element.textContent = `Runs on ${describeAdapter(adapter)}.`;
  element.classList.toggle("software", adapter.isSoftware);
}

function find<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`index.html has no ${kind.name} with the id ${id}`);
}
