// common/linear-interface.wgsl — the parameters and bindings of every forward kernel of a linear layer, and how it loads and stores.
// X (rows,K) · W (K/4,N,4) · b (N) · Y (rows,N), row-major; K and N are padded to multiples of 4 with zeros. W is interleaved: a vec4
// has four consecutive k's of one output, and the next vec4 those of the next output, so that neighbouring lanes with neighbouring
// outputs read neighbouring bytes.
// A row table lists the rows of X, so slices of any sentences and lengths share one dispatch. It also lists the rows of Y, unless
// COMPACT_OUTPUT is set: then row i of the table goes to row i of Y.
// An interface fragment: it has the bindings of its kernels, so that they cannot differ in them.
// Needs common/activation.wgsl, a reader of weights and one of the two kinds of products.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4
  outputVectors: u32, // N/4, a quarter of the row stride of W, and the length of b
  outputStride: u32,  // row stride of Y in vec4s
  outputOffset: u32,  // first vec4 column of Y that is written
  outputEntry: u32,   // first entry of the output rows in rowTable; unused when COMPACT_OUTPUT is set
  flags: u32,         // ACTIVATE, ADD_TO_OUTPUT and COMPACT_OUTPUT: one pipeline serves every product of a model
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, K/4)
@group(0) @binding(2) var<storage, read> W: array<WeightVector>;    // (K/4, N), or blocks: common/weights-blocks.wgsl
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;    // (N/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;      // rows of X, then of Y
@group(0) @binding(5) var<storage, read> scales: array<u32>;        // of quantised weights; else unused
@group(0) @binding(6) var<storage, read_write> Y: array<vec4<f32>>; // (rows, outputStride)

const ACTIVATE = 1u;
const ADD_TO_OUTPUT = 2u;
const COMPACT_OUTPUT = 4u;

// Returns where a row of X begins. Rows beyond the last one read it again, and are not stored.
fn inputStart(entry: u32) -> u32 {
  return rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * params.inputVectors;
}

fn inputVectors() -> u32 {
  return params.inputVectors;
}

fn outputs() -> u32 {
  return 4u * params.outputVectors;
}

// Returns the weights of the four outputs of a vec4 column for the four k's of vec4 `k`, as the columns of a matrix value.
fn loadWeights(k: u32, column: u32) -> mat4x4<Factor> {
  let n = 4u * column;
  return mat4x4<Factor>(vec4<Factor>(weightsAt(k, n)), vec4<Factor>(weightsAt(k, n + 1u)),
    vec4<Factor>(weightsAt(k, n + 2u)), vec4<Factor>(weightsAt(k, n + 3u)));
}

// Stores a vec4 of Y, unless its row or column is out of range.
fn store(entry: u32, column: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount || column >= params.outputVectors) { return; }
  var row = entry;
  if ((params.flags & COMPACT_OUTPUT) == 0u) { row = rowTable[params.outputEntry + entry]; }
  let at = row * params.outputStride + params.outputOffset + column;
  var y = sum + bias[column];
  if ((params.flags & ACTIVATE) != 0u) { y = activate(y); }
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { y += Y[at]; }
  Y[at] = y;
}
