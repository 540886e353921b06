// common/products-float.wgsl — products of a linear layer in f32: one chain over all of K.  Needs a reader of weights.

alias Factor = f32;

fn factorsOf(stored: WeightVector) -> vec4<f32> {
  return weightsOf(stored);
}

// w: four consecutive rows of W, as the columns of a matrix value.
fn multiplyAdd(sum: vec4<f32>, x: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(x.w), w[3],
    fma(vec4<f32>(x.z), w[2], fma(vec4<f32>(x.y), w[1], fma(vec4<f32>(x.x), w[0], sum))));
}

// Starts a sum over 16 of K, and adds it to the sum before: here the same chain goes on.
fn beginPart(sum: vec4<f32>) -> vec4<f32> {
  return sum;
}

fn endPart(sum: vec4<f32>, part: vec4<f32>) -> vec4<f32> {
  return part;
}
