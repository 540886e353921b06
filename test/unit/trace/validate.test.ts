// The validator must reject every order that breaks a fence, and accept every legal trace.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ForwardTask } from "../../../src/plan/vocabulary.js";
import type { Trace } from "../../../src/trace/trace.js";
import { validateTrace } from "../../../src/trace/validate.js";
import { arbitraryRun, seed, traceOf } from "../schedule/arbitrary.js";
import { draftsOf, mutations, placesOf, remove } from "./mutations.js";

const casesPerMutation = 100;

describe("the validator", () => {
  for (const [name, mutate] of Object.entries(mutations))
    test(`rejects a trace in which ${name}`, () => {
      let rejected = 0;
      for (const { trace, pick } of legalTraces()) {
        if (!mutate(trace, pick)) continue;
        expect(validateTrace(trace)).not.toEqual([]);
        if (++rejected === casesPerMutation) break;
      }
      expect(rejected).toBe(casesPerMutation);
    });

  test("says what went wrong where", () => {
    const { trace } = legalTraces().next().value!;
    const [task] = trace.submissions[0]!.stages[0]!.tasks as ForwardTask[];
    remove(placesOf(trace)[0]!);
    const first = task!.firstToken;
    const name = `Segment 0 of sentence ${task!.sentence}, tokens ${first} to ${first + task!.tokenCount - 1},`;
    expect(validateTrace(trace)).toContain(`${name} never ran.`);
  });

  test("forgives GPU timestamps that the browser rounded", () => {
    for (const { trace } of legalTraces(200)) {
      for (const { stages } of trace.submissions)
        for (const stage of stages) {
          stage.beginMs = Math.round(stage.beginMs * 10) / 10;
          stage.endMs = Math.max(stage.beginMs, Math.round(stage.endMs * 10) / 10);
        }
      expect(validateTrace(trace)).toEqual([]);
    }
  });

  test("accepts a legal trace that went through JSON", () => {
    for (const { trace } of legalTraces(200)) {
      const read: Trace = JSON.parse(JSON.stringify(trace));
      expect(validateTrace(read)).toEqual([]);
    }
  });
});

/** Legal traces, each with its own repeatable source of choices. */
function legalTraces(count = 5000): ReturnType<typeof draftsOf> {
  return draftsOf(fc.sample(arbitraryRun(["affine", "spread", "free"]), { seed, numRuns: count }), traceOf);
}
