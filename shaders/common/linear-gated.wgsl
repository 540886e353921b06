// common/linear-gated.wgsl — the sums of a linear layer as gates and ups of an MLP: Y[row] = activation(gate) · up, with their biases.
// Columns are pairs of a gate and its up, so that a vec4 of sums has two of them, and gives two numbers of Y (rows, N/2), row-major.
// The bits are those of common/linear-rows.wgsl, then activation/gate.wgsl.
// An interface fragment, behind common/linear-interface.wgsl.  Needs common/activation.wgsl.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4
  outputVectors: u32, // N/4, a quarter of the row stride of W, and the length of b
}

@group(0) @binding(6) var<storage, read_write> Y: array<vec2<f32>>; // (arena rows, N/4)

// Stores two numbers of Y, unless their row or column is out of range.
fn store(entry: u32, column: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount || column >= params.outputVectors) { return; }
  let y = sum + bias[column];
  Y[rowTable[params.firstEntry + entry] * params.outputVectors + column] = activate(y).xz * y.yw;
}
