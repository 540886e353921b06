// common/linear-rows.wgsl — what becomes of the sums of a linear layer as a rule: Y[row] = activation(sum + b), or Y[row] += factor
// times the same, as a residual connection does.
// Y (rows,N), row-major. The row table also lists the rows of Y, unless COMPACT_OUTPUT is set: then row i of the table goes to row i.
// An interface fragment, behind common/linear-interface.wgsl.  Needs common/activation.wgsl.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4
  outputVectors: u32, // N/4, a quarter of the row stride of W, and the length of b
  outputStride: u32,  // row stride of Y in vec4s
  outputOffset: u32,  // first vec4 column of Y that is written
  outputEntry: u32,   // first entry of the output rows in rowTable; unused when COMPACT_OUTPUT is set
  flags: u32,         // ACTIVATE, ADD_TO_OUTPUT and COMPACT_OUTPUT: one pipeline serves every product of a model
  factor: f32,        // what is added to Y is multiplied by it; by 1 nothing is rounded
}

@group(0) @binding(6) var<storage, read_write> Y: array<vec4<f32>>; // (rows, outputStride)

const ACTIVATE = 1u;
const ADD_TO_OUTPUT = 2u;
const COMPACT_OUTPUT = 4u;

// Stores a vec4 of Y, unless its row or column is out of range.
fn store(entry: u32, column: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount || column >= params.outputVectors) { return; }
  var row = entry;
  if ((params.flags & COMPACT_OUTPUT) == 0u) { row = rowTable[params.outputEntry + entry]; }
  let at = row * params.outputStride + params.outputOffset + column;
  var y = sum + bias[column];
  if ((params.flags & ACTIVATE) != 0u) { y = activate(y); }
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { y = fma(vec4<f32>(params.factor), y, Y[at]); }
  Y[at] = y;
}
