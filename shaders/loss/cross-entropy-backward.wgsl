// loss/cross-entropy-backward.wgsl — logits become their gradient: scale·(softmax − one-hot of the target), per row,
// times the slope logitScale·(1 − (logit/cap)²) of what scaled and capped them.
// loss[i] = log Σ exp(logits[i]) − logits[i][target[i]] · logits (rows,V) row-major f32, padded to a multiple of 4.
// Works on a chunk of rows at a time: the memory of logits depends on the chunk, not on the batch.
// Grid: a workgroup per row, or per WORKGROUP rows, folded into y beyond 65,535.  Needs: core limits.
// Reference: test/reference/cross-entropy-backward.ts crossEntropyBackward.  Subtracts the row's maximum.
// Reduction order: that of common/log-sum.wgsl, which or whose form for GPUs it needs.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstTarget: u32, // word of row 0's target in targets
  firstLoss: u32,   // place of row 0's loss in loss
  scale: f32,       // 1 / tokens that count
  logitScale: f32,  // what logits were multiplied by
  cap: f32,         // what they were capped at after that; 0: nothing
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> targets: array<u32>;       // (rows), each below V
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;  // (rows, rowStride)
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;    // (rows of the batch)

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
  let token = targets[params.firstTarget + row];
  let targetLogit = logits[start + token]; // before the barriers of the sum: another invocation overwrites it
  let sum = exponentialSum(start, lane);
  if (lane == 0u) { loss[params.firstLoss + row] = log(sum.total) - (targetLogit - sum.maximum); }
  let factor = params.scale / sum.total;
  for (var v = lane; v < params.vocabulary; v += LANES) {
    let logit = logits[start + v];
    let weight = exp(logit - sum.maximum) * factor;
    let gradient = select(weight, weight - params.scale, v == token);
    var slope = params.logitScale;
    if (params.cap > 0.0) {
      let part = logit / params.cap;
      slope *= (1.0 - part) * (1.0 + part);
    }
    logits[start + v] = gradient * slope;
  }
  for (var v = params.vocabulary + lane; v < params.rowStride; v += LANES) { logits[start + v] = 0.0; }
}
