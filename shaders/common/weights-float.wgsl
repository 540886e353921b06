// common/weights-float.wgsl — reads stored weights of a float type T: f32, or f16 where the adapter has it.
// An array of weights is bound as array<WeightVector>, or as array<T> to read single weights.

alias WeightVector = vec4<T>;

// Weights per element of array<T>.
const WEIGHTS_PER_ELEMENT = 1u;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return vec4<f32>(stored);
}

// Weight `index` of the whole array, out of the element that holds it.
fn weightOf(stored: T, index: u32) -> f32 {
  return f32(stored);
}
