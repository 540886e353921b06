// sampling/span-logits.wgsl — the first half of choosing tokens on GPUs: many workgroups per row. Each takes a span of 1024 tokens:
// weights = the logits after bias and penalties; partials = the largest of them with its token, and the maximum of the plain logits
// with the sum of their exponentials.
// logits, weights (rows,V) row-major f32 · options (rows,OPTION_WORDS) · counts, bias (slots,V) · partials (rows,spans).
// Grid: spans, rowCount, 1.  Needs: 64 invocations, 772 bytes of workgroup memory.
// Loads: neighbouring lanes read neighbouring logits.
// Reference: test/reference/choose-token.ts penalisedLogits.  Reduction order: that of common/spans.wgsl.

@group(0) @binding(2) var<storage, read> bias: array<f32>;                 // (slots, V), added to logits
@group(0) @binding(3) var<storage, read> logits: array<f32>;               // (rows, rowStride)
@group(0) @binding(4) var<storage, read> counts: array<u32>;               // (slots, V): times generated | in prompt << 31
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;        // (rows, rowStride)
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<u32>>; // (rows, spans): value, token, maximum, sum

var<workgroup> values: array<f32, SPAN_LANES>;
var<workgroup> tokens: array<u32, SPAN_LANES>;
var<workgroup> maxima: array<f32, SPAN_LANES>;
var<workgroup> isWrong: atomic<u32>;

@compute @workgroup_size(SPAN_LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let start = row * params.rowStride;
  let end = min((group.x + 1u) * SPAN, params.vocabulary);
  let penalties = penaltiesOf(row);
  var token = 0u;
  var highest = LOWEST;
  var maximum = LOWEST;
  for (var v = group.x * SPAN + lane; v < end; v += SPAN_LANES) {
    let raw = logits[start + v];
    if (isBroken(raw)) { atomicStore(&isWrong, 1u); }
    maximum = max(maximum, raw);
    let value = penalised(penalties, v);
    weights[start + v] = value;
    if (value > highest) { highest = value; token = v; }
  }
  values[lane] = highest;
  tokens[lane] = token;
  maxima[lane] = maximum;
  workgroupBarrier();
  // All lanes read the maximum. The first also finds the likeliest token: of equal ones the lower.
  for (var i = 0u; i < SPAN_LANES; i++) {
    maximum = max(maximum, maxima[i]);
    if (lane == 0u && (values[i] > highest || (values[i] == highest && tokens[i] < token))) {
      highest = values[i];
      token = tokens[i];
    }
  }
  workgroupBarrier();
  var chain = 0.0;
  if (optionAt(row, 13u) != 0u) {
    for (var v = group.x * SPAN + lane; v < end; v += SPAN_LANES) { chain += exp(logits[start + v] - maximum); }
  }
  maxima[lane] = chain;
  workgroupBarrier();
  if (lane > 0u) { return; }
  var sum = 0.0;
  for (var i = 0u; i < SPAN_LANES; i++) { sum += maxima[i]; }
  if (atomicLoad(&isWrong) != 0u) { token = NONE; }
  partials[row * spanCount() + group.x] = vec4<u32>(
    bitcast<u32>(highest), token, bitcast<u32>(maximum), bitcast<u32>(sum));
}
