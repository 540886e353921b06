// The errors for using a training run in a way that it cannot support. The page and the worker both throw them.
import { ArgumentError } from "../errors.js";

export function secondIteration(): ArgumentError {
  return new ArgumentError({
    argument: "the training run",
    expected: "one iteration",
    received: "a second one",
    remedy: "Call model.train again, with `resume` to go on.",
  });
}

export function checkpointOutsideLoop(): ArgumentError {
  return new ArgumentError({
    argument: "the training run",
    expected: "a run with a finished step, inside its loop",
    received: "one that is not",
    remedy: "Call checkpoint() in the body of the loop over the run.",
  });
}
