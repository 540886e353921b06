// activation/gate-backward.wgsl — gradients through a gated product, four gates and ups per invocation:
// d gate = dY · up · activation′(gate), d up = dY · activation(gate).
// X, dX (rows,F,2): pairs of a gate and its up · dY (rows,F), row-major f32, F padded to a multiple of 4 with zeros, which gradients keep.
// Grid: ceil(rowCount·F/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/gate.ts gateBackward.

struct Params {
  firstEntry: u32, // first entry of this dispatch in rowTable
  rowCount: u32,   // rows of this dispatch
  vectors: u32,    // ceil(F/4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;        // (arena rows, F/2)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;       // (arena rows, F/4)
@group(0) @binding(3) var<storage, read> rowTable: array<u32>;       // arena row of every row
@group(0) @binding(4) var<storage, read_write> dX: array<vec4<f32>>; // (arena rows, F/2)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  let row = rowTable[params.firstEntry + index / params.vectors];
  let vector = index % params.vectors;
  let at = row * params.vectors + vector;
  let gradient = dY[at];
  let first = X[2u * at];
  let second = X[2u * at + 1u];
  let gate = vec4<f32>(first.xz, second.xz);
  let dGate = gradient * vec4<f32>(first.yw, second.yw) * activationDerivative(gate);
  let dUp = gradient * activate(gate);
  dX[2u * at] = vec4<f32>(dGate.x, dUp.x, dGate.y, dUp.y);
  dX[2u * at + 1u] = vec4<f32>(dGate.z, dUp.z, dGate.w, dUp.w);
}
