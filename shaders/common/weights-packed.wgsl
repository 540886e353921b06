// common/weights-packed.wgsl — reads stored weights of two f16 to a word T = u32, which needs no feature.
// The bits in memory are those of array<f16>, so that common/weights-float.wgsl can read the same buffer.  Needs outputs() of the fragment that follows it.

alias WeightVector = vec2<T>;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(stored.x), unpack2x16float(stored.y));
}

// The weights of output n for the four inputs of vec4 `k`.
fn weightsAt(k: u32, n: u32) -> vec4<f32> {
  return weightsOf(W[k * outputs() + n]);
}
