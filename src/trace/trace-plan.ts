// The plan that a trace claims to have executed, rebuilt from the trace's own fields.
import { buildPlan, type Plan } from "../plan/plan.js";
import { buildTrainingPlan } from "../plan/training-plan.js";
import { attentionGrainOf } from "../plan/vocabulary.js";
import type { Trace } from "./trace.js";

export function planOfTrace(trace: Trace): Plan {
  const { lengths, layers, sliceTokens, fence, placement, shares } = trace;
  if (shares) return buildTrainingPlan({ lengths, shareOf: shares, layers, sliceTokens, fence });
  const attentionGrain = attentionGrainOf(fence, placement);
  return buildPlan({ lengths, layers, sliceTokens, fence, attentionGrain });
}
