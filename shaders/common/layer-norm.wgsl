// common/layer-norm.wgsl — mean and scale of a row, the same in the forward pass of a layer norm and in its gradient.
// X (rows,C), row-major f32; C is padded to a multiple of 4 with zeros.  Needs common/vectors.wgsl.
// The variance is that of the centred values.  Reduction order: four interleaved sums over the channels, then sumOf.
// An interface fragment: it has bindings of its kernels.

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  channels: u32,       // C
  channelVectors: u32, // ceil(C/4), the row stride in vec4s
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>; // (arena rows, C/4)

// Returns which of four channels are not padding.
fn inside(vector: u32) -> vec4<bool> {
  return vec4<u32>(4u * vector) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.channels);
}

// Returns mean and 1/sqrt(variance + epsilon) of the row that begins at `start`.
fn statsOf(start: u32) -> vec2<f32> {
  let count = f32(params.channels);
  var sum = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) { sum += X[start + v]; }
  let mean = sumOf(sum) / count;
  var squares = vec4<f32>();
  for (var v = 0u; v < params.channelVectors; v++) {
    // Padding is zero, and zero minus the mean must not count.
    let centred = select(vec4<f32>(), X[start + v] - mean, inside(v));
    squares = fma(centred, centred, squares);
  }
  return vec2<f32>(mean, 1.0 / sqrt(sumOf(squares) / count + params.epsilon));
}
