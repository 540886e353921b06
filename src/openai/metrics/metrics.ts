// What a handler counts, in Prometheus' text format, with the names that vLLM gives the same things. Nothing of what was asked or
// answered is in it.
import type { Generation } from "../../index.js";
import type { NamedModel } from "../../answer/named-models.js";
import { Histogram } from "./histogram.js";

/** Those of vLLM, rounded. */
const firstTokenBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 20, 40, 80,
];
const intervalBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
];
const requestBounds = [0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 60, 120, 240];

/** What is counted of one model's answers. */
export class ModelMetrics {
  readonly finished: Map<string, number> = new Map();
  promptTokens = 0;
  generationTokens = 0;
  readonly firstToken: Histogram = new Histogram(firstTokenBounds);
  readonly interval: Histogram = new Histogram(intervalBounds);
  readonly total: Histogram = new Histogram(requestBounds);

  /** An answer that has ended, and for which reason. */
  addEnd({ usage }: Pick<Generation, "usage">, reason: string, seconds: number): void {
    this.finished.set(reason, (this.finished.get(reason) ?? 0) + 1);
    this.promptTokens += usage.promptTokens;
    this.generationTokens += usage.completionTokens;
    this.total.observe(seconds);
  }
}

export class Metrics {
  readonly #models: readonly NamedModel[];
  readonly #metrics: ReadonlyMap<string, ModelMetrics>;
  readonly #responses = new Map<string, number>();

  constructor(models: readonly NamedModel[]) {
    this.#models = models;
    this.#metrics = new Map(models.map(({ name }) => [name, new ModelMetrics()]));
  }

  of(model: string): ModelMetrics {
    return this.#metrics.get(model)!;
  }

  /** `route`: as the handler knows it, not what a client wrote. */
  addResponse(route: string, status: number): void {
    const labels = `route="${route}",status="${status}"`;
    this.#responses.set(labels, (this.#responses.get(labels) ?? 0) + 1);
  }

  /** `waiting`: requests that no model knows yet. */
  async render(waiting: number): Promise<string> {
    const stats = await Promise.all(
      this.#models.map(async ({ name, model }) => ({
        labels: `model_name="${escape(name)}"`,
        own: this.of(name),
        stats: await model.stats(),
      })),
    );
    type Entry = (typeof stats)[number];
    const gauge = (name: string, help: string, value: (entry: Entry) => number): string[] => [
      ...head(name, help, "gauge"),
      ...stats.map((entry) => `${name}{${entry.labels}} ${value(entry)}`),
    ];
    const counter = (name: string, help: string, value: (entry: Entry) => number): string[] => [
      ...head(name, help, "counter"),
      ...stats.map((entry) => `${name}{${entry.labels}} ${value(entry)}`),
    ];
    const histogram = (name: string, help: string, value: (own: ModelMetrics) => Histogram): string[] => [
      ...head(name, help, "histogram"),
      ...stats.flatMap(({ labels, own }) => value(own).lines(name, labels)),
    ];
    return [
      ...gauge("weft:num_requests_running", "Answers that are being computed.", ({ stats: s }) => s.running),
      ...gauge("weft:num_requests_waiting", "Answers that wait for the model.", ({ stats: s }) => s.waiting),
      ...gauge(
        "weft:kv_cache_usage_perc",
        "Part of the key-value cache in use, from 0 to 1.",
        ({ stats: s }) => (s.cachePages === 0 ? 0 : 1 - s.freePages / s.cachePages),
      ),
      ...counter(
        "weft:num_preemptions_total",
        "Answers that were put back.",
        ({ stats: s }) => s.preemptions,
      ),
      ...counter("weft:prompt_tokens_total", "Tokens of prompts.", ({ own }) => own.promptTokens),
      ...counter(
        "weft:generation_tokens_total",
        "Tokens that were generated.",
        ({ own }) => own.generationTokens,
      ),
      ...head("weft:request_success_total", "Answers by why they ended.", "counter"),
      ...stats.flatMap(({ labels, own }) =>
        [...own.finished].map(
          ([reason, count]) => `weft:request_success_total{${labels},finished_reason="${reason}"} ${count}`,
        ),
      ),
      ...histogram(
        "weft:time_to_first_token_seconds",
        "Until the first text of an answer.",
        (own) => own.firstToken,
      ),
      ...histogram("weft:inter_token_latency_seconds", "Between pieces of text.", (own) => own.interval),
      ...histogram("weft:e2e_request_latency_seconds", "Until the end of an answer.", (own) => own.total),
      ...head("weft:http_requests_waiting", "Requests that wait for others to end.", "gauge"),
      `weft:http_requests_waiting ${waiting}`,
      ...head("weft:http_requests_total", "Responses by route and status.", "counter"),
      ...[...this.#responses].map(([labels, count]) => `weft:http_requests_total{${labels}} ${count}`),
      "",
    ].join("\n");
  }
}

const head = (name: string, help: string, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

/** As the format wants values of labels. */
const escape = (text: string): string =>
  text.replace(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`));
