// optimizer/sum-squares.wgsl — partial[first+i] = Σ x² over 256 consecutive elements of a tensor, one sum per invocation.
// X (n) f32, n padded to a multiple of 4 with zeros · partial (sums).  The sums are added by optimizer/sum.wgsl.
// Grid: ceil(vectorCount/64 / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/optimizer.ts globalNorm.  Reduction order: four interleaved sums, then sumOf (common/vectors.wgsl).

struct Params {
  vectorCount: u32,  // n/4
  firstPartial: u32, // place of the first sum in partial
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;            // (n/4)
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // (sums of all tensors)

const VECTORS_PER_SUM = 64u;

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  let begin = index * VECTORS_PER_SUM;
  if (begin >= params.vectorCount) { return; }
  var sum = vec4<f32>();
  for (var at = begin; at < min(begin + VECTORS_PER_SUM, params.vectorCount); at++) { sum = fma(X[at], X[at], sum); }
  sums[params.firstPartial + index] = sumOf(sum);
}
