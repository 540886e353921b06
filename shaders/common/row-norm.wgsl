// common/row-norm.wgsl — what forward and backward kernels of norms share: their parameters, X, and mean and scale of a norm.
// A norm is over a whole row, or over each head of a row by itself. LANES invocations compute one together, 64/LANES norms per
// workgroup.
// X (rows, inputStride), row-major f32; widths are padded to multiples of 4 with zeros.  Needs common/vectors.wgsl.
// RMS: the mean counts as 0 (arxiv.org/abs/1910.07467); otherwise the variance is that of the centred values.
// Reduction order: lane l sums the vec4s l, l + LANES, …, and the lanes are added in one fixed order. LANES depends on the width
// alone.  Loads: neighbouring lanes read neighbouring vec4s.
// An interface fragment: it has bindings of its kernels.

struct Params {
  firstEntry: u32,   // first entry of this dispatch in rowTable
  rowCount: u32,     // rows of this dispatch
  normsPerRow: u32,  // 1, or how many heads of a row are normalised
  width: u32,        // numbers that a norm is over
  vectors: u32,      // ceil(width/4)
  inputStride: u32,  // row stride of X and dX in vec4s
  inputOffset: u32,  // where the first norm of a row of X begins, in vec4s
  outputStride: u32, // row stride of Y and dY in vec4s
  epsilon: f32,
  gainOffset: f32,   // 1 where files hold gain − 1
  addToOutput: u32,  // 1: += instead of =
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>; // (arena rows, inputStride)

const THREADS = 64u;

var<workgroup> partials: array<f32, 2u * THREADS>;

struct Place {
  row: u32,
  head: u32,
  exists: bool, // invocations without a norm compute the last one again, and store nothing
}

// The norm of an invocation, by its index among all norms of the dispatch.
fn placeOf(norm: u32) -> Place {
  let count = params.rowCount * params.normsPerRow;
  let own = min(norm, count - 1u);
  return Place(own / params.normsPerRow, own % params.normsPerRow, norm < count);
}

// Returns which of four numbers are not padding.
fn inside(vector: u32) -> vec4<bool> {
  return vec4<u32>(4u * vector) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.width);
}

// The sum over the lanes of a norm. Two sums that follow one another must use different banks, so that one barrier is enough.
fn sumOverLanes(bank: u32, index: u32, part: f32) -> f32 {
  partials[bank * THREADS + index] = part;
  workgroupBarrier();
  let first = bank * THREADS + index - index % LANES;
  var sums = vec4<f32>();
  for (var i = first; i < first + LANES; i += 4u) {
    sums += vec4<f32>(partials[i], partials[i + 1u], partials[i + 2u], partials[i + 3u]);
  }
  return sumOf(sums);
}

// Returns mean and 1/sqrt(variance + epsilon) of the numbers that begin at vec4 `start`.
fn statsOf(start: u32, index: u32) -> vec2<f32> {
  let lane = index % LANES;
  var mean = 0.0;
  if (!RMS) {
    var sum = vec4<f32>();
    for (var v = lane; v < params.vectors; v += LANES) { sum += X[start + v]; }
    mean = sumOverLanes(0u, index, sumOf(sum)) / f32(params.width);
  }
  var squares = vec4<f32>();
  for (var v = lane; v < params.vectors; v += LANES) {
    // Padding is zero, and zero minus the mean must not count.
    let centred = select(vec4<f32>(), X[start + v] - mean, inside(v));
    squares = fma(centred, centred, squares);
  }
  let square = sumOverLanes(1u, index, sumOf(squares)) / f32(params.width);
  return vec2<f32>(mean, 1.0 / sqrt(square + params.epsilon));
}
