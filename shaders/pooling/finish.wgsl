// pooling/finish.wgsl — what becomes of rows that stand for texts or tokens: an activation, a cut, a length of 1.
// X (rows,inputStride) · Y (rows,outputStride), row-major f32. A row of X has parts of partWidth numbers, each padded to vec4s; in
// Y the first `width` of them follow one another, and zeros behind them.
// Grid: rowCount, 1, 1 (folded into y beyond 65,535).  Needs: core limits, 256 bytes of workgroup memory.
// Loads: neighbouring lanes read neighbouring numbers.  Needs common/activation.wgsl.
// Source: Normalize of github.com/huggingface/sentence-transformers.  Reference: test/reference/pooling.ts finishRow.
// Reduction order: lane l sums the squares of numbers l, l + 64, …, and the lanes are added from 0 to 63.

struct Params {
  rowCount: u32,
  inputStride: u32,   // vec4s of a row of X
  partWidth: u32,     // numbers of a part
  partVectors: u32,   // ceil(partWidth/4)
  width: u32,         // numbers that are kept of a row
  outputVectors: u32, // vec4s of a row of Y, ceil(width/4)
  normalises: u32,    // 1: to a length of 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<f32>;       // (rows, 4·inputStride)
@group(0) @binding(2) var<storage, read_write> Y: array<f32>; // (rows, 4·outputVectors)

const LANES = 64u;
const TANH = 5u; // beside those of common/activation.wgsl
const LEAST_NORM = 1e-12;

var<workgroup> partials: array<f32, LANES>;

fn valueAt(row: u32, index: u32) -> f32 {
  let place = 4u * (row * params.inputStride + index / params.partWidth * params.partVectors);
  let x = X[place + index % params.partWidth];
  // tanh of large values is NaN on some adapters; tanh(±15) is ±1 in f32.
  if (ACTIVATION == TANH) { return tanh(clamp(x, -15.0, 15.0)); }
  return activate(vec4<f32>(x)).x;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  // Workgroups without a row compute the last one again, and store nothing: barriers need all.
  let own = group.y * groups.x + group.x;
  let row = min(own, params.rowCount - 1u);
  var squares = 0.0;
  for (var i = lane; i < params.width; i += LANES) {
    let value = valueAt(row, i);
    squares = fma(value, value, squares);
  }
  partials[lane] = squares;
  workgroupBarrier();
  var sum = 0.0;
  for (var l = 0u; l < LANES; l++) { sum += partials[l]; }
  var norm = 1.0;
  if (params.normalises != 0u) { norm = max(sqrt(sum), LEAST_NORM); }
  if (own >= params.rowCount) { return; }
  for (var i = lane; i < 4u * params.outputVectors; i += LANES) {
    var value = 0.0;
    if (i < params.width) { value = valueAt(row, i) / norm; }
    Y[row * 4u * params.outputVectors + i] = value;
  }
}
