// loss/log-probability.wgsl — logProbability[i] = logits[i][target[i]] − log Σ exp(logits[i]). A row per invocation, for software
// adapters: loss/span-sums.wgsl and loss/log-probability-spans.wgsl give the same bits on GPUs.
// logits (rows,V) row-major f32, row stride padded to a multiple of 4 · targets (rows) · output (rows).
// Grid: ceil(rowCount / 8), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/log-probability.ts logProbabilityForward.  Subtracts the row's maximum.
// Reduction order: that of common/spans.wgsl.

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

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.y * groups.x * 8u + id.x;
  if (row >= params.rowCount) { return; }
  let start = row * params.rowStride;
  let sum = rowSum(start);
  let token = targets[params.firstTarget + row]; // below V: checked on the host
  logProbability[row] = logits[start + token] - sum.maximum - log(sum.total);
}
