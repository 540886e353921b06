// common/products-half.wgsl — products of a linear layer in f16: a chain over each block of 16 k's, whose sums are added in f32, in
// order.  Needs f16 and a reader of weights.  Error of a sum: at most 33·2⁻¹¹·Σ|x·w|, for 16 products and sums and the rounding of x
// by 2⁻¹¹ each, while all stay below 65,504; as they cancel, about 2⁻¹⁰ of what the sum is from one row to another.

alias Factor = f16;

// A block of products in vec4s along K.
const PRODUCT_BLOCK = 4u;

fn dotHalf(sum: f16, a: vec4<f16>, b: vec4<f16>) -> f16 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// w: the weights of four outputs, each for four consecutive k's, as the columns of a matrix value.
fn multiplyAdd(sum: vec4<f16>, x: vec4<f16>, w: mat4x4<f16>) -> vec4<f16> {
  return vec4<f16>(
    dotHalf(sum.x, x, w[0]), dotHalf(sum.y, x, w[1]), dotHalf(sum.z, x, w[2]), dotHalf(sum.w, x, w[3]));
}

// Adds the sum of a block, in f32, to the sum before.
fn addBlock(sum: vec4<f32>, part: vec4<f16>) -> vec4<f32> {
  return sum + vec4<f32>(part);
}
