// common/products-float.wgsl — products of a linear layer in f32.  Needs a reader of weights and common/vectors.wgsl.
// The order of every sum over K: a chain inside each block of 4·PRODUCT_BLOCK k's, cut from k = 0 on, and the sums of the blocks
// added in order. So blocks of one sum may be formed by different invocations, and errors grow with the square root of K/128 + 128.

alias Factor = f32;

// A block of products in vec4s along K: 128 k's. 64 adds more, 256 leaves a single row's work to fewer invocations: BENCHMARKS.md.
const PRODUCT_BLOCK = 32u;

// w: the weights of four outputs, each for four consecutive k's, as the columns of a matrix value.
fn multiplyAdd(sum: vec4<f32>, x: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return dots(sum, x, w);
}

// Adds the sum of a block to the sum before.
fn addBlock(sum: vec4<f32>, part: vec4<f32>) -> vec4<f32> {
  return sum + part;
}
