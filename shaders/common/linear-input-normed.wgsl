// common/linear-input-normed.wgsl — the rows of X normalised, for kernels of few rows: each workgroup finds mean and scale of its rows by
// itself, which saves a dispatch and a buffer. The bits are those of norm/forward.wgsl.
// gain, normBias (K), padded to multiples of 4 with zeros: bound by common/linear-norm-rows.wgsl or linear-norm-attention.wgsl.
// Behind common/linear-interface.wgsl.  Needs common/norm-stats.wgsl, and workgroups of THREADS invocations with up to 8 rows.

var<workgroup> rowStats: array<vec2<f32>, 8>;

fn normEpsilon() -> f32 {
  return bitcast<f32>(NORM_EPSILON);
}

// Not a constant: a driver may multiply by the reciprocal of one, which gives other bits than dividing by it.
fn normWidth() -> u32 {
  return 4u * params.inputVectors - NORM_PADDING;
}

// Finds mean and scale of a workgroup's rows, as many at a time as there are lanes for.
fn prepareRows(firstEntry: u32, rows: u32, index: u32) {
  for (var first = 0u; first < rows; first += THREADS / LANES) {
    let r = first + index / LANES;
    let stats = statsOf(inputStart(firstEntry + min(r, rows - 1u)), params.inputVectors, normWidth(), index);
    if (index % LANES == 0u && r < rows) { rowStats[r] = stats; }
    workgroupBarrier();
  }
}

// Returns vec4 `k` of the workgroup's row `r`, which begins at `start`.
fn inputAt(r: u32, start: u32, k: u32) -> vec4<f32> {
  let stats = rowStats[r];
  let factor = select(vec4<f32>(), gain[k] + f32(GAIN_OFFSET), inside(k, normWidth()));
  return (X[start + k] - stats.x) * stats.y * factor + normBias[k];
}
