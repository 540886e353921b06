// Ways to break a trace. Each turns a legal one into one that is certainly illegal, or gives false where that trace offers
// no such chance.
import type { Task } from "../../../src/plan/vocabulary.js";
import type { Trace, TraceStage, TraceSubmission } from "../../../src/trace/trace.js";
import { waitsFor } from "../schedule/arbitrary.js";

type Writable<T> = T extends readonly (infer Item)[]
  ? Writable<Item>[]
  : T extends object
    ? { -readonly [Field in keyof T]: Writable<T[Field]> }
    : T;
export type Draft = Writable<Trace>;

/** A task with the place where the trace executed it. */
export interface Place {
  readonly submission: Writable<TraceSubmission>;
  readonly stage: Writable<TraceStage>;
  readonly index: number;
  readonly task: Task;
}

/** A repeatable choice. */
export type Pick = <T>(from: readonly T[]) => T | undefined;

/** Gives false where a trace offers no chance for it. */
export type Mutation = (trace: Draft, pick: Pick) => boolean;

export const mutations: Record<string, Mutation> = {
  "two dependent tasks change places": (trace, pick) => {
    const pair = pick(dependentPairs(trace));
    if (!pair) return false;
    put(pair.after, pair.before.task);
    put(pair.before, pair.after.task);
    return true;
  },
  "two dependent stages of a queue change places": (trace, pick) => {
    const pair = pick(sameQueuePairs(trace));
    if (!pair) return false;
    const earlier = pair.before.stage.tasks;
    pair.before.stage.tasks = pair.after.stage.tasks;
    pair.after.stage.tasks = earlier;
    return true;
  },
  "a dependent moves into the stage it waits for": (trace, pick) => {
    const pair = pick(dependentPairs(trace));
    if (!pair) return false;
    remove(pair.after);
    pair.before.stage.tasks.push(pair.after.task);
    return true;
  },
  "a dependent moves to a queue that has not been told": (trace, pick) => {
    const pair = pick(dependentPairs(trace));
    if (!pair) return false;
    const tooEarly = trace.submissions.filter(
      ({ queue, submittedMs }) =>
        queue !== pair.before.submission.queue && submittedMs < pair.before.submission.doneMs,
    );
    const target = pick(tooEarly);
    if (!target) return false;
    remove(pair.after);
    target.stages.at(-1)!.tasks.push(pair.after.task);
    return true;
  },
  "a task leaves the queue of its sentence": (trace, pick) => {
    if (trace.placement !== "affine" || trace.layers === 0) return false;
    const place = pick(placesOf(trace));
    const target = pick(trace.submissions.filter(({ queue }) => queue !== place?.submission.queue));
    if (!place || !target) return false;
    remove(place);
    target.stages.at(-1)!.tasks.push(place.task);
    return true;
  },
  "a cross-queue dependency is done after the submission": (trace, pick) => {
    const pair = pick(crossQueuePairs(trace));
    if (!pair) return false;
    const { submission } = pair.after;
    submission.submittedMs = pair.before.submission.doneMs - 0.001;
    submission.encodedMs = Math.min(submission.encodedMs, submission.submittedMs);
    return true;
  },
  "a cross-queue dependency is reported late": (trace, pick) => {
    const pair = pick(crossQueuePairs(trace));
    if (!pair) return false;
    pair.before.submission.doneMs = pair.after.submission.submittedMs + 0.001;
    return true;
  },
  "two submissions of a queue are listed in exchanged order": (trace, pick) => {
    const pairs = trace.submissions.flatMap((earlier, first) =>
      trace.submissions.flatMap((later, second) => {
        const differ = earlier.submittedMs < later.submittedMs;
        return second > first && earlier.queue === later.queue && differ ? [{ first, second }] : [];
      }),
    );
    return exchange(trace, pick(pairs));
  },
  "two dependent submissions of a queue are listed in exchanged order": (trace, pick) => {
    const pair = pick(
      sameQueuePairs(trace).filter(({ before, after }) => before.submission !== after.submission),
    );
    if (!pair) return false;
    const first = trace.submissions.indexOf(pair.before.submission);
    return exchange(trace, { first, second: trace.submissions.indexOf(pair.after.submission) });
  },
  "a stage begins before the one ahead of it": (trace, pick) => {
    const stages = trace.submissions.flatMap((submission) =>
      submission.stages.map((stage) => ({ queue: submission.queue, stage })),
    );
    const queue = pick(stages)?.queue;
    const [ahead, behind] = stages.filter((one) => one.queue === queue).slice(-2);
    if (!ahead || !behind) return false;
    behind.stage.beginMs = ahead.stage.beginMs - 0.21;
    return true;
  },
  "a task never runs": (trace, pick) => {
    const place = pick(placesOf(trace));
    if (place) remove(place);
    return place !== undefined;
  },
  "a task runs twice": (trace, pick) => {
    const place = pick(placesOf(trace));
    const target = pick(placesOf(trace));
    target?.stage.tasks.push({ ...place!.task });
    return target !== undefined;
  },
  "a submission is forgotten": (trace, pick) => {
    const submission = pick(trace.submissions);
    trace.submissions = trace.submissions.filter((one) => one !== submission);
    return submission !== undefined;
  },
  "a submission is listed twice": (trace, pick) => {
    const submission = pick(trace.submissions);
    if (submission) trace.submissions.push(structuredClone(submission));
    return submission !== undefined;
  },
  "two submissions share an id": (trace, pick) => {
    const first = pick(trace.submissions);
    const second = pick(trace.submissions.filter((one) => one !== first));
    if (!first || !second) return false;
    second.id = first.id;
    return true;
  },
  "a task's token count changes": (trace, pick) => {
    const place = pick(placesOf(trace));
    if (!place || place.task.kind === "weight-gradient") return false;
    put(place, { ...place.task, tokenCount: place.task.tokenCount + pick([-1, 1, 0.5, Number.NaN])! });
    return true;
  },
  "a task's first token changes": (trace, pick) => {
    const place = pick(placesOf(trace));
    if (!place || place.task.kind === "weight-gradient") return false;
    put(place, { ...place.task, firstToken: place.task.firstToken + pick([-1, 1, 0.5, 1000])! });
    return true;
  },
  "a task belongs to no sentence or share of the batch": (trace, pick) => {
    const place = pick(placesOf(trace));
    if (!place) return false;
    const nobody = pick([-1, trace.lengths.length, 0.5])!;
    const { task } = place;
    put(place, task.kind === "weight-gradient" ? { ...task, share: nobody } : { ...task, sentence: nobody });
    return true;
  },
  "a task belongs to no layer of the model": (trace, pick) => {
    const place = pick(placesOf(trace));
    const level = pick([-1, trace.layers + 1, Number.NaN])!;
    if (!place) return false;
    const { task } = place;
    put(place, "segment" in task ? { ...task, segment: level } : { ...task, layer: level });
    return true;
  },
  "a task of an unknown kind appears": (trace, pick) => {
    const place = pick(placesOf(trace));
    place?.stage.tasks.push(Object.assign({ ...place.task }, { kind: "mlp" }));
    return place !== undefined;
  },
  "a stage without tasks appears": (trace, pick) => {
    const submission = pick(trace.submissions);
    const last = submission?.stages.at(-1);
    if (last) submission?.stages.push({ ...last, tasks: [] });
    return last !== undefined;
  },
  "a host time is corrupt": (trace, pick) => {
    const submission = pick(trace.submissions);
    if (submission)
      submission[pick(["encodedMs", "submittedMs", "doneMs"] as const)!] = pick([
        Number.NaN,
        Infinity,
        -Infinity,
      ])!;
    return submission !== undefined;
  },
  "a stage's time is corrupt": (trace, pick) => {
    const stage = pick(placesOf(trace))?.stage;
    if (stage) stage[pick(["beginMs", "endMs"] as const)!] = pick([Number.NaN, Infinity, -Infinity])!;
    return stage !== undefined;
  },
  "a stage ends before it begins": (trace, pick) => {
    const stage = pick(placesOf(trace))?.stage;
    if (stage) stage.endMs = stage.beginMs - 0.001;
    return stage !== undefined;
  },
  "a submission is done before it is submitted": (trace, pick) => {
    const submission = pick(trace.submissions);
    if (submission) submission.doneMs = submission.submittedMs - 0.001;
    return submission !== undefined;
  },
  "a submission is submitted before it is encoded": (trace, pick) => {
    const submission = pick(trace.submissions);
    if (submission) submission.encodedMs = submission.submittedMs + 0.001;
    return submission !== undefined;
  },
  "a stage timed by the host ends after the host saw it done": (trace, pick) => {
    const place = pick(placesOf(trace));
    if (place) Object.assign(place.stage, { clock: "cpu", endMs: place.submission.doneMs + 0.001 });
    return place !== undefined;
  },
  "a queue or an encoder does not exist": (trace, pick) => {
    const submission = pick(trace.submissions);
    if (submission) submission[pick(["queue", "encoder"] as const)!] = pick([-1, 0.5, Number.NaN])!;
    return submission !== undefined;
  },
  "the batch, the slicing or the model differs": (trace, pick) => {
    const change = pick([
      () => trace.lengths.push(1),
      () => trace.lengths.pop(),
      () => (trace.lengths[0]! += 1),
      () => (trace.layers += 1),
      () => (trace.sliceTokens = 0),
      () => (trace.queues = 0),
      () => Object.assign(trace, { fence: "none" }),
      () => Object.assign(trace, { placement: "free" }),
    ]);
    change?.();
    return true;
  },
};

function draftOf(trace: Trace): Draft {
  return structuredClone(trace) as Draft;
}

export function placesOf(trace: Draft): Place[] {
  return trace.submissions.flatMap((submission) =>
    submission.stages.flatMap((stage) =>
      stage.tasks.map((task, index): Place => ({ submission, stage, index, task })),
    ),
  );
}

function dependentPairs(trace: Draft): { before: Place; after: Place }[] {
  const { fence, layers, shares } = trace;
  const step = shares ? { layers, shares } : undefined;
  const places = placesOf(trace);
  return places.flatMap((after) =>
    places.flatMap((before) => (waitsFor(after.task, before.task, fence, step) ? [{ before, after }] : [])),
  );
}

function sameQueuePairs(trace: Draft): { before: Place; after: Place }[] {
  return dependentPairs(trace).filter(
    ({ before, after }) => before.submission.queue === after.submission.queue,
  );
}

function crossQueuePairs(trace: Draft): { before: Place; after: Place }[] {
  return dependentPairs(trace).filter(
    ({ before, after }) => before.submission.queue !== after.submission.queue,
  );
}

function put(place: Place, task: Task): void {
  place.stage.tasks[place.index] = task;
}

export function remove(place: Place): void {
  place.stage.tasks.splice(place.index, 1);
}

function exchange(trace: Draft, pair: { first: number; second: number } | undefined): boolean {
  if (!pair) return false;
  const earlier = trace.submissions[pair.first]!;
  trace.submissions[pair.first] = trace.submissions[pair.second]!;
  trace.submissions[pair.second] = earlier;
  return true;
}

/** Traces of random runs, each with its own repeatable source of choices. */
export function* draftsOf<Run extends { readonly seed: number }>(
  runs: readonly Run[],
  traceOfRun: (run: Run) => Trace,
): Generator<{ trace: Draft; pick: Pick }, undefined> {
  for (const run of runs) {
    let state = run.seed;
    const pick: Pick = (from) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return from[(state >>> 12) % from.length];
    };
    yield { trace: draftOf(traceOfRun(run)), pick };
  }
  return undefined;
}
