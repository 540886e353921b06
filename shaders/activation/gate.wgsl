// activation/gate.wgsl — Y[row] = activation(gates of X[row]) · ups of X[row], four values per invocation.
// X (rows,F,2): pairs of a gate and its up · Y (rows,F), row-major f32, F padded to a multiple of 4 with zeros, which the product keeps.
// Grid: ceil(rowCount·F/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Source: arxiv.org/abs/2002.05202.  Reference: test/reference/gate.ts gateForward.

struct Params {
  firstEntry: u32, // first entry of this dispatch in rowTable
  rowCount: u32,   // rows of this dispatch
  vectors: u32,    // ceil(F/4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, F/2)
@group(0) @binding(2) var<storage, read> rowTable: array<u32>;      // arena row of every row
@group(0) @binding(3) var<storage, read_write> Y: array<vec4<f32>>; // (arena rows, F/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  let row = rowTable[params.firstEntry + index / params.vectors];
  let vector = index % params.vectors;
  let at = row * params.vectors + vector;
  let first = X[2u * at];
  let second = X[2u * at + 1u];
  Y[at] = activate(vec4<f32>(first.xz, second.xz)) * vec4<f32>(first.yw, second.yw);
}
