// norm/layer-backward-input.wgsl — dX[row] += the gradient through a layer norm, one row per invocation.
// X, dY, dX (rows,C) · gain (C), row-major f32, C padded to a multiple of 4, gain with zeros.
// dX += s·(g − mean(g) − x̂·mean(g·x̂)) with x̂ = s·(X − mean), s = 1/sqrt(variance + epsilon), g = dY·gain.
// Params, X, mean and s, with the reduction order of all sums here: common/layer-norm.wgsl.
// Grid: ceil(rowCount/64), 1, 1.  Needs: core limits.
// Reference: test/reference/layer-norm-backward.ts layerNormBackward.
// Writes mean and s of each row for norm/layer-backward-weight.wgsl.

@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;          // (arena rows, C/4)
@group(0) @binding(3) var<storage, read> gain: array<vec4<f32>>;        // (C/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;          // arena row of every row
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>;    // (arena rows, C/4)
@group(0) @binding(6) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows): mean, s

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowCount) { return; }
  let row = rowTable[params.firstEntry + id.x];
  let start = row * params.channelVectors;
  let count = f32(params.channels);
  let own = statsOf(start);
  let mean = own.x;
  let scale = own.y;

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
  stats[row] = own;
}
