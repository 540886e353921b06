// loss/cross-entropy-backward.wgsl — logits become their gradient: scale·(softmax − one-hot of the target), per row.
// loss[i] = log Σ exp(logits[i]) − logits[i][target[i]] · logits (rows,V) row-major f32, padded to a multiple of 4.
// Works on a chunk of rows at a time: the memory of logits depends on the chunk, not on the batch.
// Grid: ceil(rowCount/8), 1, 1.  Needs: core limits.
// Reference: test/reference/cross-entropy-backward.ts crossEntropyBackward.  Subtracts the row's maximum.
// Reduction order: sums of 64 consecutive terms, added in order.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstTarget: u32, // word of row 0's target in targets
  firstLoss: u32,   // place of row 0's loss in loss
  scale: f32,       // 1 / tokens that count
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> targets: array<u32>;       // (rows), each below V
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;  // (rows, rowStride)
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;    // (rows of the batch)

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowCount) { return; }
  let start = id.x * params.rowStride;
  let token = targets[params.firstTarget + id.x];
  var maximum = logits[start];
  for (var v = 1u; v < params.vocabulary; v++) { maximum = max(maximum, logits[start + v]); }
  var total = 0.0;
  for (var first = 0u; first < params.vocabulary; first += 64u) {
    var part = 0.0;
    let end = min(first + 64u, params.vocabulary);
    for (var v = first; v < end; v++) { part += exp(logits[start + v] - maximum); }
    total += part;
  }
  loss[params.firstLoss + id.x] = log(total) - (logits[start + token] - maximum);
  let factor = params.scale / total;
  for (var v = 0u; v < params.vocabulary; v++) {
    let gradient = exp(logits[start + v] - maximum) * factor;
    logits[start + v] = select(gradient, gradient - params.scale, v == token);
  }
  for (var v = params.vocabulary; v < params.rowStride; v++) { logits[start + v] = 0.0; }
}
