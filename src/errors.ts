// Every error class of weft. Each takes values, builds the sentence, and names a remedy where the sentence does not say it.
// Errors are thrown where the user's value enters; inside, `invariant` guards what cannot happen.

/** Base class of every error weft throws on purpose. */
export class WeftError extends Error {
  override name = "WeftError";
}

/**
 * A value given by the caller is not usable. The message says what was expected and received, and what to do about it where
 * that is more.
 */
export class ArgumentError extends WeftError {
  override name = "ArgumentError";
  readonly argument: string;
  readonly expected: string;
  readonly received: string;
  constructor(details: { argument: string; expected: string; received: unknown; remedy?: string }) {
    const received = describe(details.received);
    const remedy = details.remedy === undefined ? "" : ` ${details.remedy}`;
    super(`${details.argument}: expected ${details.expected}, received ${received}.${remedy}`);
    this.argument = details.argument;
    this.expected = details.expected;
    this.received = received;
  }
}

/** A tensor's dtype or shape differs from what the configuration requires. */
export class ShapeError extends WeftError {
  override name = "ShapeError";
  readonly tensor: string;
  constructor(details: { tensor: string; expected: string; received: string; remedy: string }) {
    super(
      `Tensor "${details.tensor}": expected ${details.expected}, received ${details.received}. ${details.remedy}`,
    );
    this.tensor = details.tensor;
  }
}

/** A file does not have the form its format prescribes. `byteOffset` is where reading stopped. */
export class FormatError extends WeftError {
  override name = "FormatError";
  readonly file: string;
  readonly byteOffset: number | undefined;
  constructor(details: {
    file: string;
    problem: string;
    remedy: string;
    byteOffset?: number;
    cause?: unknown;
  }) {
    const where = details.byteOffset === undefined ? "" : ` at byte ${details.byteOffset}`;
    super(`${details.file}${where}: ${details.problem}. ${details.remedy}`, { cause: details.cause });
    this.file = details.file;
    this.byteOffset = details.byteOffset;
  }
}

/** A file could not be read from its URL or path. `status` is the HTTP status where there was one. */
export class FetchError extends WeftError {
  override name = "FetchError";
  readonly url: string;
  readonly status: number | undefined;
  constructor(details: { url: string; problem: string; remedy: string; status?: number; cause?: unknown }) {
    super(`Could not read ${details.url}: ${details.problem}. ${details.remedy}`, { cause: details.cause });
    this.url = details.url;
    this.status = details.status;
  }
}

/**
 * Downloaded files could not be stored. `reason` is "full" if there is no room, and "failed" for everything else. What was
 * stored before is still there.
 */
export class StorageError extends WeftError {
  override name = "StorageError";
  readonly reason: "full" | "failed";
  constructor(details: { reason: "full" | "failed"; problem: string; cause?: unknown }) {
    const remedy =
      details.reason === "full"
        ? "Free some room: listCached tells which models are stored, removeCached removes one."
        : "Load with cacheFiles false to do without storage.";
    super(`Could not store a download: ${details.problem}. ${remedy}`, { cause: details.cause });
    this.reason = details.reason;
  }
}

/** What went wrong with a device. */
export type DeviceErrorReason =
  "no-webgpu" | "no-adapter" | "lost" | "limit" | "out-of-memory" | "validation" | "wrong-results";

/** The GPU is missing, was lost, is too small for the work, refused a command, or computes wrong results. */
export class DeviceError extends WeftError {
  override name = "DeviceError";
  readonly reason: DeviceErrorReason;
  constructor(details: { reason: DeviceErrorReason; problem: string; remedy: string; cause?: unknown }) {
    super(`${details.problem}. ${details.remedy}`, { cause: details.cause });
    this.reason = details.reason;
  }
}

/** A kernel's shader did not compile. `lines` are compiler messages, their line numbers those of the .wgsl file. */
export class ShaderError extends WeftError {
  override name = "ShaderError";
  readonly kernel: string;
  readonly lines: readonly string[];
  readonly source: string;
  constructor(details: { kernel: string; lines: readonly string[]; source: string }) {
    super(
      `Kernel "${details.kernel}" did not compile:\n${details.lines.join("\n")}\n` +
        `This is a defect of weft or of the browser's shader compiler: please report it with the adapter's name.`,
    );
    this.kernel = details.kernel;
    this.lines = details.lines;
    this.source = details.source;
  }
}

/** The caller's AbortSignal ended the call. `cause` is the signal's reason. */
export class CancelledError extends WeftError {
  override name = "CancelledError";
  constructor(operation: string, reason?: unknown) {
    super(`${operation} was cancelled by its signal. Nothing is left allocated; call it again to retry.`, {
      cause: reason,
    });
  }
}

/** An object was used after it was disposed, or was disposed during a call. */
export class DisposedError extends WeftError {
  override name = "DisposedError";
  constructor(what: string, operation: string) {
    super(
      `${what} is disposed: ${operation} cannot run. Load it again, or keep it until the last call has ended.`,
    );
  }
}

/** Generation ended because of a failure. `cause` says why; `partial` is what was generated until then. */
export class GenerationInterruptedError<P = unknown> extends WeftError {
  override name = "GenerationInterruptedError";
  readonly partial: P;
  constructor(partial: P, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`Generation was interrupted: ${reason} What was generated until then is in \`partial\`.`, {
      cause,
    });
    this.partial = partial;
  }
}

/**
 * A WorkerModel has no worker. `reason` is "unsupported" if the environment has no workers, and "failed" if the worker could
 * not be started or ended by itself: all running and later calls fail with this error. It is "moved" if the tab that had a shared model
 * was closed: the running calls fail, and can be made again, as the next tab has it.
 */
export class WorkerError extends WeftError {
  override name = "WorkerError";
  readonly reason: "unsupported" | "failed" | "moved";
  constructor(details: {
    reason: "unsupported" | "failed" | "moved";
    problem: string;
    remedy: string;
    cause?: unknown;
  }) {
    super(`${details.problem}. ${details.remedy}`, { cause: details.cause });
    this.reason = details.reason;
  }
}

/**
 * A training step was not taken: its loss or gradient is not finite, or the loss was far too high three steps in a row (more
 * than four times the first loss, and four times that of a uniform guess). The weights are as they were before the step.
 */
export class TrainingError extends WeftError {
  override name = "TrainingError";
  readonly step: number;
  constructor({ step, expected, received }: { step: number; expected: string; received: string }) {
    super(
      `Step ${step}: expected ${expected}, received ${received}. ` +
        "Lower the learning rate, or check the weights and the data; go on from an earlier checkpoint.",
    );
    this.step = step;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
}
