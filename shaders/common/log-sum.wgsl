// common/log-sum.wgsl — maximum and sum of exponentials of a row of logits: log Σ exp(logits) is maximum + log(total). A row per
// invocation, for software adapters; common/log-sum-workgroup.wgsl has the same functions and bits for GPUs.
// Reads `logits` and `params.vocabulary` of the kernel it stands in front of.
// Reduction order: 64 chains, of the terms v, v + 64, v + 128 … each, and the chains added in order. So 64 invocations may form
// them, each reading beside its neighbours, and the error grows with V/64 + 64 and not with V.

// Invocations that share a row.
const LANES = 1u;
const WORKGROUP = 8u;

const CHAIN_FOURS = 16u;

struct ExponentialSum {
  maximum: f32,
  total: f32, // Σ exp(logit − maximum)
}

fn rowOf(group: vec3<u32>, groups: vec3<u32>, index: u32) -> u32 {
  return (group.y * groups.x + group.x) * WORKGROUP + index;
}

fn laneOf(index: u32) -> u32 {
  return 0u;
}

// Returns both for the row that begins at `start`.
fn exponentialSum(start: u32, lane: u32) -> ExponentialSum {
  var maximum = logits[start];
  for (var v = 1u; v < params.vocabulary; v++) { maximum = max(maximum, logits[start + v]); }
  var chains = array<vec4<f32>, CHAIN_FOURS>();
  let whole = params.vocabulary - params.vocabulary % (4u * CHAIN_FOURS);
  for (var first = 0u; first < whole; first += 4u * CHAIN_FOURS) {
    for (var c = 0u; c < CHAIN_FOURS; c++) {
      let at = start + first + 4u * c;
      let four = vec4<f32>(logits[at], logits[at + 1u], logits[at + 2u], logits[at + 3u]);
      chains[c] += exp(four - maximum);
    }
  }
  for (var v = whole; v < params.vocabulary; v++) {
    chains[(v - whole) / 4u][v % 4u] += exp(logits[start + v] - maximum);
  }
  var total = 0.0;
  for (var c = 0u; c < CHAIN_FOURS; c++) {
    for (var i = 0u; i < 4u; i++) { total += chains[c][i]; }
  }
  return ExponentialSum(maximum, total);
}
