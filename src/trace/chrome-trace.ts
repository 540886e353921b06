// A trace in the Trace Event Format, for chrome://tracing and ui.perfetto.dev. Each queue is a process. Its first thread is the
// GPU; each further thread shows the submissions in flight of one place in the queue's window.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
import { countMembers, nameStage } from "./stage-name.js";
import type { Trace, TraceSubmission } from "./trace.js";

interface TraceEvent {
  readonly name: string;
  /** X: a span; M: a name for a process or a thread. */
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A run as JSON text for chrome://tracing or Perfetto. */
export function toChromeTrace(trace: Trace): string {
  const traceEvents: TraceEvent[] = [];
  for (let queue = 0; queue < trace.queues; queue++) {
    traceEvents.push({ name: "process_name", ph: "M", pid: queue, tid: 0, args: { name: `queue ${queue}` } });
    traceEvents.push({ name: "thread_name", ph: "M", pid: queue, tid: 0, args: { name: "GPU" } });
  }
  const encoders = new Set<string>();
  for (const submission of trace.submissions) {
    const { queue: pid, encoder } = submission;
    if (!encoders.has(`${pid} ${encoder}`))
      traceEvents.push({
        name: "thread_name",
        ph: "M",
        pid,
        tid: encoder + 1,
        args: { name: `encoder ${encoder}` },
      });
    encoders.add(`${pid} ${encoder}`);
    traceEvents.push(...spansOf(submission));
  }
  const { submissions, ...otherData } = trace;
  return JSON.stringify({
    traceEvents,
    displayTimeUnit: "ms",
    otherData: { ...otherData, submissions: submissions.length },
  });
}

function spansOf({ id, queue, encoder, submittedMs, doneMs, stages }: TraceSubmission): TraceEvent[] {
  const flight: TraceEvent = {
    ...span(submittedMs, doneMs),
    name: `submission ${id}`,
    cat: "submission",
    pid: queue,
    tid: encoder + 1,
    args: { stages: stages.length },
  };
  const spans = stages.map((stage): TraceEvent => {
    const name = nameStage(stage);
    const { kind, level, word, members, noun } = name;
    return {
      ...span(stage.beginMs, stage.endMs),
      name: `${word} ${level} · ${countMembers(name)}`,
      cat: kind,
      pid: queue,
      tid: 0,
      args: { submission: id, level, [`${noun}s`]: members, tasks: stage.tasks.length, clock: stage.clock },
    };
  });
  return [flight, ...spans];
}

function span(beginMs: number, endMs: number): { ph: "X"; ts: number; dur: number } {
  return { ph: "X", ts: beginMs * 1000, dur: (endMs - beginMs) * 1000 };
}
