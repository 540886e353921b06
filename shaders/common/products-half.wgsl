// common/products-half.wgsl — products of a linear layer in f16: a chain over 16 of K at a time, whose sums are added in f32.
// Needs f16 and a reader of weights.  Error of a sum: at most 33·2⁻¹¹·Σ|x·w|, for 16 products and sums and the rounding of x
// by 2⁻¹¹ each, while all stay below 65,504; as they cancel, about 2⁻¹⁰ of what the sum is from one row to another.

alias Factor = f16;

fn factorsOf(stored: WeightVector) -> vec4<f16> {
  return vec4<f16>(stored);
}

// w: four consecutive rows of W, as the columns of a matrix value.
fn multiplyAdd(sum: vec4<f16>, x: vec4<f16>, w: mat4x4<f16>) -> vec4<f16> {
  return fma(vec4<f16>(x.w), w[3],
    fma(vec4<f16>(x.z), w[2], fma(vec4<f16>(x.y), w[1], fma(vec4<f16>(x.x), w[0], sum))));
}

// Starts a sum over 16 of K in f16, and adds it to the sum before in f32.
fn beginPart(sum: vec4<f32>) -> vec4<f16> {
  return vec4<f16>();
}

fn endPart(sum: vec4<f32>, part: vec4<f16>) -> vec4<f32> {
  return sum + vec4<f32>(part);
}
