// optimizer/add.wgsl — Y += X, four elements per invocation: adds a group's gradient to the sum of those before it.
// X, Y (n) f32, n padded to a multiple of 4.
// Grid: ceil(vectorCount/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.

struct Params {
  vectorCount: u32, // n/4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (n/4)
@group(0) @binding(2) var<storage, read_write> Y: array<vec4<f32>>; // (n/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at < params.vectorCount) { Y[at] += X[at]; }
}
