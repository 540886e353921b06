// common/running-softmax.wgsl — what the kernels of attention share: they give the same bits because they do the same
// operations on the same four keys in the same order.

// Finite, because WGSL may assume that infinities do not occur; exp(MASKED − maximum) is exactly 0.
const MASKED = -1e30;

fn dotInto(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

fn dots(sums: vec4<f32>, q: vec4<f32>, k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(dotInto(sums.x, q, k0), dotInto(sums.y, q, k1), dotInto(sums.z, q, k2), dotInto(sums.w, q, k3));
}

fn maximumOf(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn sumOf(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn weighted(sum: vec4<f32>, p: vec4<f32>, v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(p.w), v3, fma(vec4<f32>(p.z), v2, fma(vec4<f32>(p.y), v1, fma(vec4<f32>(p.x), v0, sum))));
}
