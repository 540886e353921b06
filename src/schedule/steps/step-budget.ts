// How many rows a step may have, so that prompts slow decoding down by a bounded factor only. A step of n rows is assumed to
// take fixedMs + n·rowMs, fitted to past steps; recent ones weigh more (exponentially weighted least squares).

/** The weight that an observation keeps when the next one arrives. */
const MEMORY = 0.97;

/** If nothing decodes, the rows of prompts may take this many times the fixed cost of a step. */
const PROMPT_FACTOR = 2;

/** If this many times as many sequences wait for one prompt as decode, the prompt goes first. */
const CROWD = 4;

export interface BudgetOptions {
  readonly least: number;
  readonly most: number;
  /** A step with prompts may take this many times as long as one that only decodes. */
  readonly stallFactor: number;
  /** No step should take longer than this. Default: no bound. */
  readonly mostMs?: number;
}

export class StepBudget {
  readonly #options: BudgetOptions;
  #weight = 0;
  #sumRows = 0;
  #sumMs = 0;
  #sumRowsRows = 0;
  #sumRowsMs = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Learns that a step of `rows` rows took `elapsedMs`. */
  observe(rows: number, elapsedMs: number): void {
    this.#weight = this.#weight * MEMORY + 1;
    this.#sumRows = this.#sumRows * MEMORY + rows;
    this.#sumMs = this.#sumMs * MEMORY + elapsedMs;
    this.#sumRowsRows = this.#sumRowsRows * MEMORY + rows * rows;
    this.#sumRowsMs = this.#sumRowsMs * MEMORY + rows * elapsedMs;
  }

  /** The fit; undefined until steps of different sizes were seen. */
  get model(): { readonly fixedMs: number; readonly rowMs: number } | undefined {
    const determinant = this.#weight * this.#sumRowsRows - this.#sumRows ** 2;
    if (!(determinant > 1e-6 * this.#sumRowsRows)) return undefined;
    const rowMs = (this.#weight * this.#sumRowsMs - this.#sumRows * this.#sumMs) / determinant;
    const fixedMs = (this.#sumMs - rowMs * this.#sumRows) / this.#weight;
    return rowMs > 0 && fixedMs >= 0 ? { fixedMs, rowMs } : undefined;
  }

  /** How many rows fit into `ms`. Uses the average time per row if there is no fit, and returns 0 before the first step. */
  #rowsWithin(ms: number): number {
    if (ms === Infinity) return Infinity;
    const { model } = this;
    if (model) return Math.floor((ms - model.fixedMs) / model.rowMs);
    return this.#sumMs > 0 ? Math.floor((ms * this.#sumRows) / this.#sumMs) : 0;
  }

  /**
   * The most rows of a step in which `decodes` sequences decode while `waiting` others have prompts to compute, `prompts`
   * different ones. If nothing decodes, several prompts share short steps, so that none waits long for another; a single
   * prompt, or one that many sequences wait for, gets the most rows. Decoding is slowed down by more than the factor only if
   * more sequences wait than decode.
   */
  rows(decodes: number, prompts: number = 1, waiting: number = Math.max(1, prompts)): number {
    const { least, stallFactor, mostMs = Infinity } = this.#options;
    const { model } = this;
    const most = Math.max(least, Math.min(this.#options.most, this.#rowsWithin(mostMs)));
    if (prompts <= 1 && waiting > CROWD * decodes) return most;
    const fixedRows = model ? model.fixedMs / model.rowMs : least;
    const stall = (stallFactor - 1) * Math.max(1, waiting / decodes);
    const promptRows = decodes === 0 ? PROMPT_FACTOR * fixedRows : stall * (fixedRows + decodes);
    return Math.min(most, Math.max(least, Math.floor(decodes + promptRows)));
  }
}
