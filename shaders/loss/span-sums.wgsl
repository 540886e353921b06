// loss/span-sums.wgsl — the first half of log-probabilities on GPUs: many workgroups per row. Each takes a span of 1024 tokens:
// partials = the maximum of its logits, and the sum of their exponentials relative to it.
// logits (rows,V) row-major f32, row stride padded to a multiple of 4 · partials (rows,spans).
// Grid: spans·rowCount, 1, 1 (folded into y beyond 65,535).  Needs: 64 invocations, 256 bytes of workgroup memory.
// Loads: neighbouring lanes read neighbouring logits.
// Reduction order: that of common/spans.wgsl.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstTarget: u32, // of the second half
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;               // (rows, rowStride)
@group(0) @binding(2) var<storage, read_write> partials: array<vec2<f32>>; // (rows, spans): maximum, sum

var<workgroup> values: array<f32, SPAN_LANES>;

@compute @workgroup_size(SPAN_LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = group.y * groups.x + group.x;
  let row = index / spanCount();
  if (row >= params.rowCount) { return; }
  let first = (index % spanCount()) * SPAN;
  let start = row * params.rowStride;
  let end = min(first + SPAN, params.vocabulary);
  var maximum = LOWEST;
  for (var v = first + lane; v < end; v += SPAN_LANES) { maximum = max(maximum, logits[start + v]); }
  values[lane] = maximum;
  workgroupBarrier();
  for (var i = 0u; i < SPAN_LANES; i++) { maximum = max(maximum, values[i]); }
  workgroupBarrier();
  var chain = 0.0;
  for (var v = first + lane; v < end; v += SPAN_LANES) { chain += exp(logits[start + v] - maximum); }
  values[lane] = chain;
  workgroupBarrier();
  if (lane > 0u) { return; }
  var sum = 0.0;
  for (var i = 0u; i < SPAN_LANES; i++) { sum += values[i]; }
  partials[index] = vec2<f32>(maximum, sum);
}
