// activation/scale.wgsl — Y[row] (+)= factor · X[row], four values per invocation. Also the gradient of itself.
// X, Y (rows,N) row-major f32, N padded to a multiple of 4 with zeros.
// Grid: ceil(rowCount·N/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/gpu/gate.test.ts, by one multiplication.

struct Params {
  firstEntry: u32,  // first entry of this dispatch in rowTable
  rowCount: u32,    // rows of this dispatch
  vectors: u32,     // ceil(N/4)
  factor: f32,
  addToOutput: u32, // 1: += instead of =
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, N/4)
@group(0) @binding(2) var<storage, read> rowTable: array<u32>;      // arena row of every row
@group(0) @binding(3) var<storage, read_write> Y: array<vec4<f32>>; // (arena rows, N/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  let at = rowTable[params.firstEntry + index / params.vectors] * params.vectors + index % params.vectors;
  var y = params.factor * X[at];
  if (params.addToOutput != 0u) { y = fma(vec4<f32>(params.factor), X[at], Y[at]); }
  Y[at] = y;
}
