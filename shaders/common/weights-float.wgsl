// common/weights-float.wgsl — reads stored weights of a float type T: f32, or f16 where the adapter has it.
// An array of weights is bound as array<WeightVector>: W (K/4, N), as common/linear-interface.wgsl says.
// Needs outputs() of the fragment that follows it.

alias WeightVector = vec4<T>;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return vec4<f32>(stored);
}

// The weights of output n for the four inputs of vec4 `k`.
fn weightsAt(k: u32, n: u32) -> vec4<f32> {
  return weightsOf(W[k * outputs() + n]);
}
