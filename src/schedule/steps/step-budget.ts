// How many rows a step may have: fitted to how long steps took, so that prompts stall decodes by a bounded factor.
// A step of n rows is taken to last fixedMs + n·rowMs; recent steps weigh more (exponentially weighted least squares).

/** The weight that an observation keeps when the next one arrives. */
const MEMORY = 0.97;

/** Where only prompts are computed, their rows may take this many times as long as what every step costs anyway. */
const PROMPT_FACTOR = 2;

/** So many times as many that wait for the same beginning of a prompt go before those that decode. */
const CROWD = 4;

export interface BudgetOptions {
  readonly least: number;
  readonly most: number;
  /** A step with prompts may last this many times as long as one of decodes alone. */
  readonly stallFactor: number;
  /** No step should last longer, whatever waits. Default: no bound. */
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

  /** Learns that a step of `rows` rows lasted `elapsedMs`. */
  observe(rows: number, elapsedMs: number): void {
    this.#weight = this.#weight * MEMORY + 1;
    this.#sumRows = this.#sumRows * MEMORY + rows;
    this.#sumMs = this.#sumMs * MEMORY + elapsedMs;
    this.#sumRowsRows = this.#sumRowsRows * MEMORY + rows * rows;
    this.#sumRowsMs = this.#sumRowsMs * MEMORY + rows * elapsedMs;
  }

  /** The model so far; undefined before steps of different sizes were seen. */
  get model(): { readonly fixedMs: number; readonly rowMs: number } | undefined {
    const determinant = this.#weight * this.#sumRowsRows - this.#sumRows ** 2;
    if (!(determinant > 1e-6 * this.#sumRowsRows)) return undefined;
    const rowMs = (this.#weight * this.#sumRowsMs - this.#sumRows * this.#sumMs) / determinant;
    const fixedMs = (this.#sumMs - rowMs * this.#sumRows) / this.#weight;
    return rowMs > 0 && fixedMs >= 0 ? { fixedMs, rowMs } : undefined;
  }

  /** Where the fit is of no use, by what rows took on the whole; before any was seen, none. */
  #rowsWithin(ms: number): number {
    if (ms === Infinity) return Infinity;
    const { model } = this;
    if (model) return Math.floor((ms - model.fixedMs) / model.rowMs);
    return this.#sumMs > 0 ? Math.floor((ms * this.#sumRows) / this.#sumMs) : 0;
  }

  /**
   * Rows for a step in which `decodes` sequences decode, while `waiting` ones have prompts to compute, `prompts` of them
   * different. Where none decodes, several prompts share steps short enough that none waits long for another. A single one,
   * or one that many wait for, gets the most. Decodes are stalled by more than the factor only where more wait than decode.
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
