// common/log-sum.wgsl — maximum and sum of exponentials of a row of logits: log Σ exp(logits) is maximum + log(total).
// Reads `logits` and `params.vocabulary` of the kernel it stands in front of.
// Reduction order: sums of 64 consecutive terms, added in order, so that the error grows with V/64 + 64 and not with V.

struct ExponentialSum {
  maximum: f32,
  total: f32, // Σ exp(logit − maximum)
}

// Returns both for the row that begins at `start`.
fn exponentialSum(start: u32) -> ExponentialSum {
  var maximum = logits[start];
  for (var v = 1u; v < params.vocabulary; v++) { maximum = max(maximum, logits[start + v]); }
  var total = 0.0;
  for (var first = 0u; first < params.vocabulary; first += 64u) {
    var part = 0.0;
    let end = min(first + 64u, params.vocabulary);
    for (var v = first; v < end; v++) { part += exp(logits[start + v] - maximum); }
    total += part;
  }
  return ExponentialSum(maximum, total);
}
