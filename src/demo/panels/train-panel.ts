// The panel that trains a new model on the texts in the field, with a live loss curve and samples of what it writes.
import {
  CancelledError,
  createModelParts,
  Model,
  type AdapterDescription,
  type LoadOptions,
  type ModelSource,
  type SavedModel,
  type TrainStep,
} from "../../index.js";
import { download } from "../download.js";
import { create, renderFigure } from "../figure.js";
import { drawCurve } from "./loss-curve.js";
import { showStatus, type TrainElements } from "../page.js";
import { modelFolder, type Session } from "../session.js";
import { setDisabled } from "../set-disabled.js";
import { describeLoading, thousands } from "../../jobs/words.js";

const sampleTokens = 40;
const newShape = { layers: 2, heads: 4, channels: 64, contextLength: 64 };

/** From so many texts on, every so many-th is not trained on: its loss tells what was learned from what was learned by heart. */
const heldOutEvery = 8;

interface TrainForm {
  /** Undefined for the stories that come with the page. */
  readonly texts: readonly string[] | undefined;
  readonly isNew: boolean;
  readonly steps: number;
  readonly rate: number;
  readonly batchTokens: number;
  readonly sampleEvery: number;
}

export function connectTraining(
  elements: TrainElements,
  session: Session,
  onAdapter: (adapter: AdapterDescription) => void,
): void {
  const { form, status } = elements;
  const field = form.querySelector("textarea")!;
  let stopping: AbortController | undefined;
  let saved: SavedModel | undefined;

  const checkField = (): void => {
    const { texts } = readForm(form);
    elements.textsField.hidden = texts === undefined;
    field.setCustomValidity(texts?.length === 0 ? "Write at least one text." : "");
  };
  form.addEventListener("input", checkField);
  checkField();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!stopping) void start();
  });
  elements.stop.addEventListener("click", () => stopping?.abort());
  elements.saveConfig.addEventListener("click", () => {
    if (saved) download("config.json", "application/json", JSON.stringify(saved.config, undefined, 2));
  });
  elements.saveWeights.addEventListener("click", () => {
    if (saved) download("model.safetensors", "application/octet-stream", saved.weights);
  });

  async function start(): Promise<void> {
    const request = readForm(form);
    stopping = new AbortController();
    update();
    try {
      await train(request, stopping.signal);
    } catch (error) {
      if (error instanceof CancelledError) showStatus(status, "Stopped. Train when you like.");
      else showStatus(status, error instanceof Error ? error.message : String(error), true);
    } finally {
      stopping = undefined;
      update();
    }
  }

  async function train(request: TrainForm, signal: AbortSignal): Promise<void> {
    const { steps, rate, batchTokens, sampleEvery } = request;
    showStatus(status, "Loading the model …");
    const { texts, heldOut } = holdOut(request.texts ?? (await session.prompts(signal)));
    await using model = await loadModel(request.isNew ? undefined : session.source, {
      signal,
      weights: "f32",
      onProgress(progress) {
        const name = request.isNew ? "a new model" : session.name;
        showStatus(status, describeLoading(name, progress));
        if (progress.phase === "download" && progress.totalBytes)
          elements.progress.value = progress.loadedBytes / progress.totalBytes;
      },
    });
    onAdapter(model.info.adapter);
    saved = undefined;
    elements.samples.replaceChildren();
    elements.figures.replaceChildren();
    drawCurve(elements.curve, [], steps);
    elements.results.hidden = false;
    showStatus(status, "Training …");
    const losses: number[] = [];
    const schedule = { peak: rate, warmupSteps: Math.ceil(steps / 10) };
    const validation = { sentences: heldOut, every: sampleEvery };
    const options = { steps, batchTokens, schedule, ...(heldOut.length > 0 ? { validation } : {}) };
    let isSampled = false;
    let unseen: number | undefined;
    for await (const step of model.train(texts, options)) {
      losses.push(step.loss);
      unseen = step.validationLoss ?? unseen;
      elements.progress.value = step.step / steps;
      drawCurve(elements.curve, losses, steps);
      showFigures(step, steps, { loss: unseen, count: heldOut.length });
      isSampled = step.step % sampleEvery === 0;
      if (isSampled) await addSample(model, step.step);
      if (signal.aborted) break;
    }
    if (!isSampled) await addSample(model, losses.length);
    saved = await model.save();
    const words = losses.length < steps ? `Stopped after step ${losses.length}.` : "Done.";
    showStatus(status, `${words} The model can be saved; training again begins anew.`);
  }

  async function addSample(model: Model, step: number): Promise<void> {
    const { beginToken } = model.info.config;
    const options = { maxTokens: sampleTokens, temperature: 0.7, topK: 40, seed: 1 };
    const { text } = await model.generate([beginToken ?? 0], options);
    const item = document.createElement("li");
    item.append(create("span", `After step ${step}`, "quiet"), create("p", text.trim()));
    elements.samples.prepend(item);
  }

  function showFigures(
    step: TrainStep,
    steps: number,
    unseen: { readonly loss: number | undefined; readonly count: number },
  ): void {
    elements.figures.replaceChildren(
      ...[
        { name: "Step", value: thousands(step.step), note: `of ${thousands(steps)}` },
        { name: "Loss", value: step.loss.toFixed(3), note: "nats per token, before the step" },
        ...(unseen.loss === undefined
          ? []
          : [
              {
                name: "Unseen",
                value: unseen.loss.toFixed(3),
                note: `nats per token of ${unseen.count} texts it does not train on`,
              },
            ]),
        {
          name: "Speed",
          value: thousands(step.tokensPerSecond),
          note: `tokens per second; ${thousands(step.tokens)} in this step`,
        },
        { name: "Rate", value: step.learningRate.toExponential(1), note: "of learning" },
        { name: "Pass", value: thousands(step.epoch + 1), note: "over all texts" },
      ].map(renderFigure),
    );
  }

  function update(): void {
    const isBusy = stopping !== undefined;
    setDisabled(elements.start, isBusy);
    setDisabled(elements.stop, !isBusy, elements.start);
    elements.progress.hidden = !isBusy;
    elements.results.ariaBusy = String(isBusy);
    for (const button of [elements.saveConfig, elements.saveWeights]) button.disabled = !saved || isBusy;
    if (isBusy) elements.progress.removeAttribute("value");
  }
}

async function loadModel(
  source: ModelSource | undefined,
  options: LoadOptions & { readonly signal: AbortSignal },
): Promise<Model> {
  if (source) return Model.load(source, options);
  const read = async (file: string): Promise<object> => {
    const response = await fetch(new URL(file, modelFolder), { signal: options.signal });
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${response.url}.`);
    return (await response.json()) as object;
  };
  const [tokenizer, config] = await Promise.all([read("tokenizer.json"), read("config.json")]);
  const { vocab_size: vocabularySize, bos_token_id: token } = config as Record<string, number>;
  if (vocabularySize === undefined || token === undefined) throw new Error("The model has no begin token.");
  const tokens = { beginToken: token, endToken: token };
  return Model.load(createModelParts({ ...newShape, vocabularySize, ...tokens, tokenizer }), options);
}

function readForm(form: HTMLFormElement): TrainForm {
  const data = new FormData(form);
  const number = (name: string): number => Number(data.get(name));
  return {
    texts: data.get("data") === "own" ? splitTexts(data.get("texts") as string) : undefined,
    isNew: data.get("from") === "new",
    steps: number("steps"),
    rate: number("rate"),
    batchTokens: number("batchTokens"),
    sampleEvery: number("sampleEvery"),
  };
}

const isHeldOut = (index: number): boolean => index % heldOutEvery === heldOutEvery - 1;

function holdOut(texts: readonly string[]): {
  readonly texts: readonly string[];
  readonly heldOut: readonly string[];
} {
  return {
    texts: texts.filter((_, index) => !isHeldOut(index)),
    heldOut: texts.filter((_, index) => isHeldOut(index)),
  };
}

function splitTexts(content: string): string[] {
  return content
    .split(/\r?\n[ \t]*\r?\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");
}
