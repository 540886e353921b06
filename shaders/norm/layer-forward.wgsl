// norm/layer-forward.wgsl — Y[row] = (X[row] − mean) / sqrt(variance + epsilon) · gain + bias, one row per invocation.
// X, Y (rows,C) · gain, bias (C), row-major f32; C is padded to a multiple of 4, gain and bias with zeros.
// Params, X, mean and scale, with their reduction order: common/layer-norm.wgsl.
// Grid: ceil(rowCount/64), 1, 1.  Needs: core limits.  Source: arxiv.org/abs/1607.06450.
// Reference: test/reference/layer-norm.ts layerNormForward.

@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>;    // (C/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;    // (C/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;      // arena row of every row
@group(0) @binding(5) var<storage, read_write> Y: array<vec4<f32>>; // (arena rows, C/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rowCount) { return; }
  let start = rowTable[params.firstEntry + id.x] * params.channelVectors;
  let stats = statsOf(start);
  for (var v = 0u; v < params.channelVectors; v++) {
    Y[start + v] = (X[start + v] - stats.x) * stats.y * gain[v] + bias[v];
  }
}
