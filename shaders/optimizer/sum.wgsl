// optimizer/sum.wgsl — Y[i] = Σ X over 64 consecutive elements, one sum per invocation. Repeated until one is left.
// X (count) f32 · Y (ceil(count/64)).
// Grid: ceil(count/64 / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/optimizer.ts globalNorm.  Reduction order: in the order of X.

struct Params {
  count: u32, // elements of X
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<f32>;       // (count)
@group(0) @binding(2) var<storage, read_write> Y: array<f32>; // (ceil(count/64))

const TERMS_PER_SUM = 64u;

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  let begin = index * TERMS_PER_SUM;
  if (begin >= params.count) { return; }
  var sum = 0.0;
  for (var at = begin; at < min(begin + TERMS_PER_SUM, params.count); at++) { sum += X[at]; }
  Y[index] = sum;
}
