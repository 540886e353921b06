// norm/layer-backward-input.wgsl — dX[row] += the gradient through a layer norm, one row per invocation.
// X, dY, dX (rows,C) · gain (C), row-major f32, C padded to a multiple of 4, gain with zeros.
// dX += s·(g − mean(g) − x̂·mean(g·x̂)) with x̂ = s·(X − mean), s = 1/sqrt(variance + epsilon), g = dY·gain.
// Grid: ceil(rowCount/64), 1, 1.  Needs: core limits.
// Reference: test/reference/layer-norm-backward.ts layerNormBackward.
// Reduction order: as norm/layer-forward.wgsl.  Writes mean and s of each row for norm/layer-backward-weight.wgsl.

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  channels: u32,       // C
  channelVectors: u32, // ceil(C/4)
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;           // (arena rows, C/4)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;          // (arena rows, C/4)
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;        // (C/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>;    // (arena rows, C/4)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows): mean, s

fn sumOf(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn inside(vector: u32) -> vec4<bool> {
  return vec4<u32>(4u * vector) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowCount) { return; }
  let row = rowTable[params.firstEntry + id.x];
  let start = row * params.channelVectors;
  let count = f32(params.channels);

  var sum = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) { sum += X[start + v]; }
  let mean = sumOf(sum) / count;
  var squares = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) {
    let centred = select(vec4<f32>(), X[start + v] - mean, inside(v));
    squares = fma(centred, centred, squares);
  }
  let scale = 1.0 / sqrt(sumOf(squares) / count + params.epsilon);

  var gradients = vec4<f32>();
  var products = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) {
    let gradient = dY[start + v] * gain[v];
    gradients += gradient;
    products = fma(gradient, (X[start + v] - mean) * scale, products);
  }
  let meanGradient = sumOf(gradients) / count;
  let meanProduct = sumOf(products) / count;
  for (var v = 0u; v < params.channelVectors; v++) {
    let normal = (X[start + v] - mean) * scale;
    let gradient = scale * (dY[start + v] * gain[v] - meanGradient - normal * meanProduct);
    dX[start + v] += select(vec4<f32>(), gradient, inside(v));
  }
  stats[row] = vec2<f32>(mean, scale);
}
