// common/row-norm.wgsl — what forward and backward kernels of norms by themselves share: their parameters, X, and which norm is whose.
// A norm is over a whole row, or over each head of a row by itself.
// X (rows, inputStride), row-major f32; widths are padded to multiples of 4 with zeros.
// An interface fragment: it has bindings of its kernels.  Needs common/norm-stats.wgsl.

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

fn normEpsilon() -> f32 {
  return params.epsilon;
}

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
