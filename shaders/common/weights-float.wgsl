// common/weights-float.wgsl — reads stored weights of a float type T: f32, or f16 where the adapter has it.
// An array of weights is bound as array<WeightVector>.

alias WeightVector = vec4<T>;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return vec4<f32>(stored);
}
