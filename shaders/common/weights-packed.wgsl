// common/weights-packed.wgsl — reads stored weights of two f16 to a word T = u32, which needs no feature.
// The bits in memory are those of array<f16>, so that common/weights-float.wgsl can read the same buffer.

alias WeightVector = vec2<T>;

// Weights per element of array<T>.
const WEIGHTS_PER_ELEMENT = 2u;

fn weightsOf(stored: WeightVector) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(stored.x), unpack2x16float(stored.y));
}

// Weight `index` of the whole array, out of the element that holds it.
fn weightOf(stored: T, index: u32) -> f32 {
  return unpack2x16float(stored)[index % 2u];
}
