// common/weights-bf16.wgsl — reads stored weights of two bf16 to a word T = u32: a bf16 is the upper half of an f32.
// An array of weights is bound as array<WeightVector>: W (K/4, N), as common/linear-interface.wgsl says.
// Needs outputs() of the fragment that follows it.

alias WeightVector = vec2<T>;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(
    stored.x << 16u, stored.x & 0xffff0000u, stored.y << 16u, stored.y & 0xffff0000u));
}

// The weights of output n for the four inputs of vec4 `k`.
fn weightsAt(k: u32, n: u32) -> vec4<f32> {
  return weightsOf(W[k * outputs() + n]);
}
