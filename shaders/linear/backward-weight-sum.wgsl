// linear/backward-weight-sum.wgsl — dW += Σ over slabs of its partial sums, and db likewise; one vec4 per invocation.
// partialW (slabs,K·N) · partialB (slabs,N) · dW (K·N) · db (N), f32, padded.  Also for the gain and bias of a norm.
// Grid: ceil((weightVectors + biasVectors)/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/linear-backward.ts linearBackwardWeight.
// Reduction order: slabs in order; then added to what is there.

struct Params {
  weightVectors: u32, // K·N/4
  biasVectors: u32,   // N/4
  slabs: u32,         // partial sums of each element
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partialW: array<vec4<f32>>; // (slabs, K·N/4)
@group(0) @binding(2) var<storage, read> partialB: array<vec4<f32>>; // (slabs, N/4)
@group(0) @binding(3) var<storage, read_write> dW: array<vec4<f32>>; // (K·N/4)
@group(0) @binding(4) var<storage, read_write> db: array<vec4<f32>>; // (N/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  var sum = vec4<f32>();
  if (index < params.weightVectors) {
    for (var slab = 0u; slab < params.slabs; slab++) { sum += partialW[slab * params.weightVectors + index]; }
    dW[index] += sum;
    return;
  }
  let at = index - params.weightVectors;
  if (at >= params.biasVectors) { return; }
  for (var slab = 0u; slab < params.slabs; slab++) { sum += partialB[slab * params.biasVectors + at]; }
  db[at] += sum;
}
