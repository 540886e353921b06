// common/row-sum.wgsl — maximum and sum of exponentials of a row of logits, in the order of common/spans.wgsl, by a single invocation:
// for software adapters. loss/span-sums.wgsl and sampling/span-logits.wgsl form the same in many workgroups.
// Reads `logits` and `params.vocabulary` of the kernel that it stands in front of. Needs common/spans.wgsl.

const CHAIN_FOURS = SPAN_LANES / 4u;

struct RowSum {
  maximum: f32,
  total: f32, // Σ exp(logit − maximum)
}

// The sum of exponentials of the logits of tokens first…end−1, relative to their maximum.
fn spanSum(start: u32, first: u32, end: u32, maximum: f32) -> f32 {
  var chains = array<vec4<f32>, CHAIN_FOURS>();
  let whole = end - (end - first) % SPAN_LANES;
  for (var chain = first; chain < whole; chain += SPAN_LANES) {
    for (var c = 0u; c < CHAIN_FOURS; c++) {
      let at = start + chain + 4u * c;
      let values = vec4<f32>(logits[at], logits[at + 1u], logits[at + 2u], logits[at + 3u]);
      chains[c] += exp(values - maximum);
    }
  }
  for (var v = whole; v < end; v++) {
    chains[(v - whole) / 4u][v % 4u] += exp(logits[start + v] - maximum);
  }
  var sum = 0.0;
  for (var c = 0u; c < CHAIN_FOURS; c++) {
    for (var i = 0u; i < 4u; i++) { sum += chains[c][i]; }
  }
  return sum;
}

// Returns both for the row that begins at `start`.
fn rowSum(start: u32) -> RowSum {
  var maximum = LOWEST;
  for (var v = 0u; v < params.vocabulary; v++) { maximum = max(maximum, logits[start + v]); }
  var total = 0.0;
  for (var first = 0u; first < params.vocabulary; first += SPAN) {
    let end = min(first + SPAN, params.vocabulary);
    var own = LOWEST;
    for (var v = first; v < end; v++) { own = max(own, logits[start + v]); }
    total = mergeSpan(total, spanSum(start, first, end, own), own, maximum);
  }
  return RowSum(maximum, total);
}
