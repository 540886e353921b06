// common/vectors.wgsl — sums over the components of vectors, and over four vectors at a time, each in one fixed order: kernels
// that use these functions on the same values give the same bits.

// sum + a·b, one fused multiply-add chain over the components.
fn dotInto(sum: f32, a: vec4<f32>, b: vec4<f32>) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Adds to four sums the dot products of one vector with four others, the columns of b.
fn dots(sums: vec4<f32>, a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
  return vec4<f32>(
    dotInto(sums.x, a, b[0]), dotInto(sums.y, a, b[1]), dotInto(sums.z, a, b[2]), dotInto(sums.w, a, b[3]));
}

// Adds four vectors, the columns of v, each times its weight.
fn weighted(sum: vec4<f32>, w: vec4<f32>, v: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(w.w), v[3],
    fma(vec4<f32>(w.z), v[2], fma(vec4<f32>(w.y), v[1], fma(vec4<f32>(w.x), v[0], sum))));
}

fn maximumOf(v: vec4<f32>) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn sumOf(v: vec4<f32>) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}
