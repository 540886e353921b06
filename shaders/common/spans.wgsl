// common/spans.wgsl — a row of logits in spans of consecutive tokens, so that many workgroups can share one.
// Reads params.vocabulary of the kernel that it stands in front of.
// Order of a sum of exponentials: span by span, each relative to its own maximum. In a span there are 64 chains, of the tokens v,
// v + 64, v + 128 … each, and the chains are added in order. The spans are merged in order, relative to the row's maximum.

// Tokens of a span, and invocations that share one.
const SPAN = 1024u;
const SPAN_LANES = 64u;

// No logit is below it.
const LOWEST = -3.4028234e38;

fn spanCount() -> u32 {
  return (params.vocabulary + SPAN - 1u) / SPAN;
}

// Adds what a span has, relative to its own maximum, to what the spans before it have, relative to the row's.
fn mergeSpan(before: f32, sum: f32, spanMaximum: f32, maximum: f32) -> f32 {
  return fma(sum, exp(spanMaximum - maximum), before);
}
