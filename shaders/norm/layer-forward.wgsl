// norm/layer-forward.wgsl — Y[row] = (X[row] − mean) / sqrt(variance + epsilon) · gain + bias, one row per invocation.
// X (rows,C) · gain (C) · bias (C) · Y (rows,C), row-major f32; C is padded to a multiple of 4, gain and bias with zeros.
// Grid: ceil(rowCount/64), 1, 1.  Needs: core limits.  Source: arxiv.org/abs/1607.06450.
// Reference: test/reference/layer-norm.ts layerNormForward.  The variance is that of the centred values.
// Reduction order: four interleaved sums over the channels, then (x + y) + (z + w).

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  channels: u32,       // C
  channelVectors: u32, // ceil(C/4), the row stride of X and Y in vec4s
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, C/4)
@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>;    // (C/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;    // (C/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;      // arena row of every row
@group(0) @binding(5) var<storage, read_write> Y: array<vec4<f32>>; // (arena rows, C/4)

fn sumOf(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowCount) { return; }
  let start = rowTable[params.firstEntry + id.x] * params.channelVectors;
  let count = f32(params.channels);

  var sum = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) {
    sum += X[start + v];
  }
  let mean = sumOf(sum) / count;

  var squares = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) {
    let channel = vec4<u32>(4u * v) + vec4<u32>(0u, 1u, 2u, 3u);
    // Padding is zero, and zero minus the mean must not count.
    let centred = select(vec4<f32>(), X[start + v] - mean, channel < vec4<u32>(params.channels));
    squares = fma(centred, centred, squares);
  }
  let scale = 1.0 / sqrt(sumOf(squares) / count + params.epsilon);

  for (var v = 0u; v < params.channelVectors; v++) {
    Y[start + v] = (X[start + v] - mean) * scale * gain[v] + bias[v];
  }
}
