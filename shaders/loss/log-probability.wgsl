// loss/log-probability.wgsl — logProbability[i] = logits[i][target[i]] − log Σ exp(logits[i]).
// logits (rows,V) row-major f32, row stride padded to a multiple of 4 · targets (rows) · output (rows).
// Grid: a workgroup per row, or per WORKGROUP rows, folded into y beyond 65,535.  Needs: core limits.
// Reference: test/reference/log-probability.ts logProbabilityForward.  Subtracts the row's maximum.
// Reduction order: that of common/log-sum.wgsl, which or whose form for GPUs it needs.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstTarget: u32, // index of row 0 in targets
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;                // (rows, rowStride)
@group(0) @binding(2) var<storage, read> targets: array<u32>;               // (rows of this submission)
@group(0) @binding(3) var<storage, read_write> logProbability: array<f32>;  // (outputs)

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = rowOf(group, groups, index);
  if (row >= params.rowCount) { return; }
  let start = row * params.rowStride;
  let lane = laneOf(index);
  let sum = exponentialSum(start, lane);
  if (lane > 0u) { return; }
  let token = targets[params.firstTarget + row]; // below V: checked on the host
  logProbability[row] = logits[start + token] - sum.maximum - log(sum.total);
}
