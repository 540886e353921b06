// The script of index.html: loads, runs, cancels and shows. Nothing is loaded or computed before it is asked for. The panels
// that write, train and search are in panels/.
import { CancelledError, type LoadProgress, type Model } from "../index.js";
import { connectControls, readRequest } from "./controls.js";
import { download } from "./download.js";
import { fitContext, type Fitting } from "./fit-context.js";
import { runJob, type JobRequest, type JobPhase } from "../jobs/score.js";
import {
  findElements,
  findGpuElements,
  findModelElements,
  findSearchElements,
  findTrainElements,
  findWriteElements,
  showAdapter,
  showStatus as show,
} from "./page.js";
import { connectGpuCheck } from "./panels/gpu-panel.js";
import { connectModel } from "./panels/model-panel.js";
import { race } from "./race.js";
import { showPass, showRace, showResults, showSentences, type Results } from "./results.js";
import { Session } from "./session.js";
import { setDisabled } from "./set-disabled.js";
import { TimelineView } from "./panels/timeline-view.js";
import { connectSearch } from "./panels/search-panel.js";
import { connectTraining } from "./panels/train-panel.js";
import { keepInAddress } from "./url-state.js";
import { areSame, watchPasses } from "./watch.js";
import { describeLoading, describeRecovery } from "../jobs/words.js";
import { connectWriting } from "./panels/write-panel.js";

const elements = findElements();
const timeline = new TimelineView(elements.timeline);
const session = new Session((event) => showStatus(describeRecovery(event)));
let results: Results | undefined;
/** The sentences of the results that are shown. */
let shownTexts: readonly string[] = [];
let running: AbortController | undefined;
let isWatching = false;

const phases: Readonly<Record<JobPhase, string>> = {
  scoring: "Scoring the sentences …",
  measuring: "Measuring a forward pass …",
  recording: "Recording its schedule …",
};

const choice = findModelElements();
const writing = findWriteElements();
const training = findTrainElements();
const search = findSearchElements();
keepInAddress([choice.form, elements.form, writing.form, training.form, search.form]);
connectModel(choice, session);
connectControls(elements);
connectWriting(writing, session, (adapter) => showAdapter(elements.adapter, adapter));
connectTraining(training, session, (adapter) => showAdapter(elements.adapter, adapter));
connectSearch(search, ({ info }) => showAdapter(elements.adapter, info.adapter));
connectGpuCheck(findGpuElements(), (adapter) => showAdapter(elements.adapter, adapter));
elements.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
});
elements.cancel.addEventListener("click", () => running?.abort());
elements.watch.addEventListener("click", () => {
  if (isWatching) setWatching(false);
  else if (elements.form.reportValidity()) void watch();
});
elements.race.addEventListener("click", () => void runRace());
elements.savePicture.addEventListener("click", () => {
  if (results) download("weft-timeline.svg", "image/svg+xml", results.picture());
});
elements.saveTrace.addEventListener("click", () => {
  if (results) download("weft.chrome-trace.json", "application/json", results.chromeTrace());
});
if (!("gpu" in navigator))
  showError(
    "This browser has no WebGPU. Chrome and Edge from 113, Safari from 26 and Firefox from 141 have it.",
  );

const run = (): Promise<void> =>
  work(async (signal) => {
    showStatus("Loading the model …");
    const request = readRequest(elements.form, await session.prompts(signal));
    const model = await session.model(request.queues, { signal, onProgress: showLoading });
    const { adapter } = model.info;
    showAdapter(elements.adapter, adapter);
    elements.progress.removeAttribute("value");
    const { texts, words } = await fitContext(model, request.texts);
    const report = await runJob(
      model,
      { ...request, texts },
      {
        signal,
        onPhase: (phase) => showStatus(phases[phase]),
        onScored(sentences) {
          showSentences(elements, sentences);
          shownTexts = texts;
        },
      },
    );
    results = showResults(elements, timeline, report, session.name, adapter);
    showStatus(["Done.", words, "Change anything and run again."].filter(Boolean).join(" "));
  });

/** Runs pass after pass until paused. Each runs what the form says when it begins. */
const watch = (): Promise<void> =>
  work(async (signal) => {
    setWatching(true);
    elements.progress.removeAttribute("value");
    let passes = 0;
    let watched: JobRequest | undefined;
    let fitted: (Fitting & { readonly model: Model; readonly asked: readonly string[] }) | undefined;
    try {
      await watchPasses({
        signal,
        async next() {
          if (!isWatching) return undefined;
          // If the form cannot be submitted, the last request goes on.
          if (elements.form.checkValidity())
            watched = readRequest(elements.form, await session.prompts(signal));
          const asked = watched!;
          if (!session.current) showStatus("Loading the model …");
          const model = await session.model(asked.queues, { signal, onProgress: showLoading });
          showAdapter(elements.adapter, model.info.adapter);
          if (passes === 0) showStatus("Computing the first pass …");
          if (fitted?.model !== model || !areSame(fitted.asked, asked.texts))
            fitted = { model, asked: asked.texts, ...(await fitContext(model, asked.texts)) };
          return { model, request: { ...asked, texts: fitted.texts } };
        },
        show(pass, { texts }) {
          const { adapter } = session.current!.info;
          results = showPass(elements, timeline, pass, session.name, adapter);
          if (!areSame(texts, shownTexts)) elements.scored.hidden = true;
          shownTexts = texts;
          const words = `Watching: pass ${++passes}. ${fitted?.words ?? ""} Change anything, or pause to look closer.`;
          showStatus(words.replace("  ", " "));
        },
      });
      showStatus("Paused. Look into the picture, or go on.");
    } finally {
      setWatching(false);
    }
  });

function setWatching(isOn: boolean): void {
  isWatching = isOn;
  setDisabled(elements.watch, !isOn && running !== undefined);
  elements.watch.textContent = isOn ? "Pause" : "Watch live";
}

const runRace = (): Promise<void> =>
  work(async (signal) => {
    showStatus("Racing …");
    const model = await session.model(1, { signal, onProgress: showLoading });
    const onRound = (part: number): void => void (elements.progress.value = part);
    showRace(elements.racers, await race(model, shownTexts, { signal, onRound }));
    showStatus("Done. Change anything and run again.");
  });

/** Runs one job at a time. The button cancels it. */
async function work(job: (signal: AbortSignal) => Promise<void>): Promise<void> {
  if (running) return;
  running = new AbortController();
  const { signal } = running;
  setBusy(true);
  try {
    await job(signal);
  } catch (error) {
    session.handleError(error);
    if (signal.aborted || error instanceof CancelledError)
      showStatus("Cancelled. Run it again when you like.");
    else showError(error instanceof Error ? error.message : String(error));
  } finally {
    running = undefined;
    setBusy(false);
  }
}

function setBusy(isBusy: boolean): void {
  setDisabled(elements.run, isBusy);
  setDisabled(elements.race, isBusy);
  setDisabled(elements.watch, isBusy && !isWatching);
  setDisabled(elements.cancel, !isBusy, elements.run);
  elements.progress.hidden = !isBusy;
  elements.results.ariaBusy = String(isBusy);
  if (!isBusy) elements.run.textContent = "Run";
}

function showLoading(progress: LoadProgress): void {
  showStatus(describeLoading(session.name, progress));
  if (progress.phase === "download" && progress.totalBytes)
    elements.progress.value = progress.loadedBytes / progress.totalBytes;
}

function showStatus(words: string): void {
  show(elements.status, words);
}

function showError(words: string): void {
  show(elements.status, words, true);
}
