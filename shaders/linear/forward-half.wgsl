// linear/forward-half.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); products in f16, ROWS × 4·VECTORS per invocation.
// X (rows,K) · W (K,N) · b (N) · Y (rows,N), row-major; K and N are padded to multiples of 4 with zeros.
// Rows and flags as in linear/forward.wgsl.
// Grid: ceil(N/4/VECTORS/WORKGROUP_X), ceil(rowCount/ROWS/WORKGROUP_Y), 1.  Needs: f16, no workgroup memory.
// Reference: test/reference/linear.ts linearForward, within the error of common/products-half.wgsl.
// Reduction order: that of common/products-half.wgsl, over k = 0…K−1, then the bias: the same for every row and kernel.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4
  outputVectors: u32, // N/4, the row stride of W and the length of b
  outputStride: u32,  // row stride of Y in vec4s
  outputOffset: u32,  // first vec4 column of Y that is written
  outputEntry: u32,   // first entry of the output rows in rowTable; unused when COMPACT_OUTPUT is set
  flags: u32,         // ACTIVATE, ADD_TO_OUTPUT and COMPACT_OUTPUT
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;       // (arena rows, K/4)
@group(0) @binding(2) var<storage, read> W: array<WeightVector>;    // (K, N/4)
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;    // (N/4)
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;      // rows of X, then of Y
@group(0) @binding(5) var<storage, read_write> Y: array<vec4<f32>>; // (rows, outputStride)

const ACTIVATE = 1u;
const ADD_TO_OUTPUT = 2u;
const COMPACT_OUTPUT = 4u;

const DEPTH = 4u; // vec4s of K in a part

// Four consecutive rows of W, from row 4k on: in range, as the column is and K is a multiple of 4.
fn loadWeights(k: u32, column: u32) -> mat4x4<Factor> {
  let stride = params.outputVectors;
  let at = 4u * k * stride + column;
  return mat4x4<Factor>(factorsOf(W[at]), factorsOf(W[at + stride]), factorsOf(W[at + 2u * stride]),
    factorsOf(W[at + 3u * stride]));
}

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

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x * VECTORS;
  let entry = id.y * ROWS;
  if (column >= params.outputVectors || entry >= params.rowCount) { return; }
  let rows = params.rowCount - entry;
  let width = params.inputVectors;
  var starts: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) {
    starts[r] = rowTable[params.firstEntry + min(entry + r, params.rowCount - 1u)] * width;
  }
  var sums: array<vec4<f32>, ROWS * VECTORS>;

  for (var first = 0u; first < width; first += DEPTH) {
    var parts = array<vec4<Factor>, ROWS * VECTORS>();
    for (var i = 0u; i < ROWS * VECTORS; i++) { parts[i] = beginPart(sums[i]); }
    for (var k = first; k < min(first + DEPTH, width); k++) {
      var w = array<mat4x4<Factor>, VECTORS>();
      for (var v = 0u; v < VECTORS; v++) { w[v] = loadWeights(k, min(column + v, params.outputVectors - 1u)); }
      for (var r = 0u; r < ROWS; r++) {
        if (r < rows) {
          let x = vec4<Factor>(X[starts[r] + k]);
          for (var v = 0u; v < VECTORS; v++) {
            parts[r * VECTORS + v] = multiplyAdd(parts[r * VECTORS + v], x, w[v]);
          }
        }
      }
    }
    for (var i = 0u; i < ROWS * VECTORS; i++) { sums[i] = endPart(sums[i], parts[i]); }
  }

  for (var r = 0u; r < ROWS; r++) {
    for (var v = 0u; v < VECTORS; v++) { store(entry + r, column + v, sums[r * VECTORS + v]); }
  }
}
