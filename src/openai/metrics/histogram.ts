// Counts of durations by how long they were, as Prometheus has them: https://prometheus.io/docs/concepts/metric_types/#histogram.

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #total = 0;

  /** `bounds`: in seconds, ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(seconds: number): void {
    const at = this.#bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) this.#counts[at]!++;
    this.#sum += seconds;
    this.#total++;
  }

  /** The lines of this metric. `labels`: 'model_name="x"'. */
  lines(name: string, labels: string): string[] {
    let below = 0;
    return [
      ...this.#bounds.map((bound, at) => {
        below += this.#counts[at]!;
        return `${name}_bucket{${labels},le="${bound}"} ${below}`;
      }),
      `${name}_bucket{${labels},le="+Inf"} ${this.#total}`,
      `${name}_sum{${labels}} ${this.#sum}`,
      `${name}_count{${labels}} ${this.#total}`,
    ];
  }
}
