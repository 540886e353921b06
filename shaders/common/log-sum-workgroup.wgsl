// common/log-sum-workgroup.wgsl — common/log-sum.wgsl with a workgroup per row, for GPUs: the same functions, order and bits.
// All invocations of a workgroup call exponentialSum, which has barriers. What they read of logits before that, others may
// overwrite after it.  Needs: 64 invocations, 256 bytes of workgroup memory.
// Loads: neighbouring lanes read neighbouring logits.

// Invocations that share a row.
const LANES = 64u;
const WORKGROUP = LANES;

var<workgroup> laneValues: array<f32, LANES>;

struct ExponentialSum {
  maximum: f32,
  total: f32, // Σ exp(logit − maximum)
}

fn rowOf(group: vec3<u32>, groups: vec3<u32>, index: u32) -> u32 {
  return group.y * groups.x + group.x;
}

fn laneOf(index: u32) -> u32 {
  return index;
}

// Returns both for the row that begins at `start`.
fn exponentialSum(start: u32, lane: u32) -> ExponentialSum {
  var own = logits[start];
  for (var v = lane; v < params.vocabulary; v += LANES) { own = max(own, logits[start + v]); }
  laneValues[lane] = own;
  workgroupBarrier();
  var maximum = laneValues[0];
  for (var i = 1u; i < LANES; i++) { maximum = max(maximum, laneValues[i]); }
  workgroupBarrier();
  var chain = 0.0;
  for (var v = lane; v < params.vocabulary; v += LANES) { chain += exp(logits[start + v] - maximum); }
  laneValues[lane] = chain;
  workgroupBarrier();
  storageBarrier();
  var total = 0.0;
  for (var i = 0u; i < LANES; i++) { total += laneValues[i]; }
  return ExponentialSum(maximum, total);
}
