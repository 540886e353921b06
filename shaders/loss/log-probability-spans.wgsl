// loss/log-probability-spans.wgsl — the second half of log-probabilities on GPUs: an invocation per row merges the spans that
// loss/span-sums.wgsl left: logProbability[i] = logits[i][target[i]] − log Σ exp(logits[i]).
// logits (rows,V) row-major f32 · targets (rows) · partials (rows,spans) · output (rows).
// Grid: ceil(rowCount / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/log-probability.ts logProbabilityForward.  Reduction order: that of common/spans.wgsl.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstTarget: u32, // index of row 0 in targets
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;                // (rows, rowStride)
@group(0) @binding(2) var<storage, read> targets: array<u32>;               // (rows of this submission)
@group(0) @binding(3) var<storage, read> partials: array<vec2<f32>>;        // (rows, spans): maximum, sum
@group(0) @binding(4) var<storage, read_write> logProbability: array<f32>;  // (outputs)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.y * groups.x * 64u + id.x;
  if (row >= params.rowCount) { return; }
  let first = row * spanCount();
  var maximum = LOWEST;
  for (var i = 0u; i < spanCount(); i++) { maximum = max(maximum, partials[first + i].x); }
  var total = 0.0;
  for (var i = 0u; i < spanCount(); i++) {
    let own = partials[first + i];
    total = mergeSpan(total, own.y, own.x, maximum);
  }
  let token = targets[params.firstTarget + row]; // below V: checked on the host
  logProbability[row] = logits[row * params.rowStride + token] - maximum - log(total);
}
