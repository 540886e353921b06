// common/key-values-half.wgsl — keys and values of a cache in f16, two to a word, which needs no feature.
// They are rounded once, where they are stored, and every kernel reads the rounded ones. How pack2x16float rounds is left to the
// adapter, so whole numbers round here: to the nearest half, ties to even, subnormal halves included. Finite numbers beyond ±65,504
// become ±65,504; infinity and NaN stay. Reading is exact, but an adapter may read a subnormal half as 0.

alias KeyValueVector = vec2<u32>;

// The largest half, the smallest that is not subnormal, and infinity, as bits of f32.
const LARGEST_HALF = 0x477fe000u;
const SMALLEST_HALF = 0x38800000u;
const INFINITE = 0x7f800000u;

// The bits of four halves.
fn halvesOf(x: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(x);
  let size = bits & vec4<u32>(0x7fffffffu);
  let own = min(size, vec4<u32>(LARGEST_HALF));
  let isNormal = own >= vec4<u32>(SMALLEST_HALF);
  // What is rounded to a multiple of 2^shift. Of subnormal halves that is the whole significand, in units of 2^-24. A carry out of
  // the fraction raises the exponent, which is the right half.
  let fraction = (own & vec4<u32>(0x007fffffu)) | vec4<u32>(0x00800000u);
  let value = select(fraction, own - vec4<u32>(0x38000000u), isNormal);
  let below = vec4<u32>(126u) - min(own >> vec4<u32>(23u), vec4<u32>(112u));
  let shift = select(min(below, vec4<u32>(25u)), vec4<u32>(13u), isNormal);
  let one = vec4<u32>(1u);
  let rounded = (value + (one << (shift - one)) - one + ((value >> shift) & one)) >> shift;
  let special = select(vec4<u32>(0x7c00u), vec4<u32>(0x7e00u), size > vec4<u32>(INFINITE));
  return select(rounded, special, size >= vec4<u32>(INFINITE)) | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
}

fn storedOf(x: vec4<f32>) -> KeyValueVector {
  let halves = halvesOf(x);
  return vec2<u32>(halves.x | (halves.y << 16u), halves.z | (halves.w << 16u));
}

fn keyValueOf(stored: KeyValueVector) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(stored.x), unpack2x16float(stored.y));
}

// Number `component` of a vector, so that lanes with neighbouring numbers read no more than theirs.
fn keyValueComponent(stored: KeyValueVector, component: u32) -> f32 {
  return unpack2x16float(stored[component / 2u])[component % 2u];
}
