// linear/forward-few-row.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); up to 8 rows × 4 columns per invocation.
// For decoding, where a dispatch has 1 to 8 rows: it computes no row that is not there, and has many loads under way.
// X (rows,K) · W (K,N) · b (N) · Y (rows,N), row-major; K and N are padded to multiples of 4 with zeros.
// Rows and flags as in linear/forward.wgsl.
// Grid: ceil(N/4/32), ceil(rowCount/8), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear.ts linearForward.  Accumulates in f32 whatever T is.
// Reduction order: one fused multiply-add chain over k = 0…K−1, then the bias: the same for every row and kernel.

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

// Rows 4k…4k+3 of W at a vec4 column: always in range, as the column is and K is a multiple of 4.
fn loadWeights(k: u32, column: u32) -> mat4x4<f32> {
  let stride = params.outputVectors;
  let at = 4u * k * stride + column;
  return mat4x4<f32>(weightsOf(W[at]), weightsOf(W[at + stride]), weightsOf(W[at + 2u * stride]),
    weightsOf(W[at + 3u * stride]));
}

fn inputStart(entry: u32) -> u32 {
  return rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * params.inputVectors;
}

fn store(entry: u32, column: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount) { return; }
  var row = entry;
  if ((params.flags & COMPACT_OUTPUT) == 0u) { row = rowTable[params.outputEntry + entry]; }
  let at = row * params.outputStride + params.outputOffset + column;
  var y = sum + bias[column];
  if ((params.flags & ACTIVATE) != 0u) { y = activate(y); }
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { y += Y[at]; }
  Y[at] = y;
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  let entry = id.y * 8u;
  if (column >= params.outputVectors || entry >= params.rowCount) { return; }
  let rows = params.rowCount - entry;
  let x0 = inputStart(entry);
  let x1 = inputStart(entry + 1u);
  let x2 = inputStart(entry + 2u);
  let x3 = inputStart(entry + 3u);
  let x4 = inputStart(entry + 4u);
  let x5 = inputStart(entry + 5u);
  let x6 = inputStart(entry + 6u);
  let x7 = inputStart(entry + 7u);
  var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
  var s4 = vec4<f32>(); var s5 = vec4<f32>(); var s6 = vec4<f32>(); var s7 = vec4<f32>();
  let width = params.inputVectors;

  if (rows == 1u) {
    // Two vec4s of K at a time: twice the loads under way.
    let even = width & ~1u;
    for (var k = 0u; k < even; k += 2u) {
      let w = loadWeights(k, column);
      let next = loadWeights(k + 1u, column);
      s0 = multiplyAdd(multiplyAdd(s0, X[x0 + k], w), X[x0 + k + 1u], next);
    }
    if (even < width) { s0 = multiplyAdd(s0, X[x0 + even], loadWeights(even, column)); }
  } else {
    for (var k = 0u; k < width; k++) {
      let w = loadWeights(k, column);
      s0 = multiplyAdd(s0, X[x0 + k], w);
      s1 = multiplyAdd(s1, X[x1 + k], w);
      if (rows > 2u) { s2 = multiplyAdd(s2, X[x2 + k], w); s3 = multiplyAdd(s3, X[x3 + k], w); }
      if (rows > 4u) {
        s4 = multiplyAdd(s4, X[x4 + k], w); s5 = multiplyAdd(s5, X[x5 + k], w);
        s6 = multiplyAdd(s6, X[x6 + k], w); s7 = multiplyAdd(s7, X[x7 + k], w);
      }
    }
  }

  store(entry, column, s0); store(entry + 1u, column, s1);
  store(entry + 2u, column, s2); store(entry + 3u, column, s3);
  store(entry + 4u, column, s4); store(entry + 5u, column, s5);
  store(entry + 6u, column, s6); store(entry + 7u, column, s7);
}
