// common/norm-stats.wgsl — mean and scale of a norm over numbers of X, which LANES invocations find together, 64/LANES norms per
// workgroup.
// Widths are padded to multiples of 4 with zeros.  Needs common/vectors.wgsl, and X and normEpsilon() of the kernel.
// RMS: the mean counts as 0 (arxiv.org/abs/1910.07467); otherwise the variance is that of the centred values.
// Reduction order: lane l sums the vec4s l, l + LANES, …, and the lanes are added in one fixed order. LANES depends on the width
// alone.  Loads: neighbouring lanes read neighbouring vec4s.

const THREADS = 64u;

var<workgroup> laneSums: array<f32, 2u * THREADS>;

// Returns which of four numbers of a norm over `width` are not padding. By the mean square, padding adds nothing as it is zero, also
// that between heads.
fn inside(vector: u32, width: u32) -> vec4<bool> {
  if (RMS) { return vec4<bool>(true); }
  return vec4<u32>(4u * vector) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(width);
}

// The sum over the lanes of a norm. Two sums that follow one another must use different banks, so that one barrier is enough.
fn sumOverLanes(bank: u32, index: u32, part: f32) -> f32 {
  laneSums[bank * THREADS + index] = part;
  workgroupBarrier();
  let first = bank * THREADS + index - index % LANES;
  var sums = vec4<f32>();
  for (var i = first; i < first + LANES; i += 4u) {
    sums += vec4<f32>(laneSums[i], laneSums[i + 1u], laneSums[i + 2u], laneSums[i + 3u]);
  }
  return sumOf(sums);
}

// Returns mean and 1/sqrt(variance + epsilon) of `width` numbers in the `vectors` vec4s from `start` on.
fn statsOf(start: u32, vectors: u32, width: u32, index: u32) -> vec2<f32> {
  let lane = index % LANES;
  var mean = 0.0;
  if (!RMS) {
    var sum = vec4<f32>();
    for (var v = lane; v < vectors; v += LANES) { sum += X[start + v]; }
    mean = sumOverLanes(0u, index, sumOf(sum)) / f32(width);
  }
  var squares = vec4<f32>();
  for (var v = lane; v < vectors; v += LANES) {
    // Padding is zero, and zero minus the mean must not count.
    let centred = select(vec4<f32>(), X[start + v] - mean, inside(v, width));
    squares = fma(centred, centred, squares);
  }
  let square = sumOverLanes(1u, index, sumOf(squares)) / f32(width);
  return vec2<f32>(mean, 1.0 / sqrt(square + normEpsilon()));
}
