// linear/forward-subgroup.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); 8 rows × 8 columns per invocation.
// All invocations of a workgroup have the same rows, so that each subgroup needs the same values of X, whichever invocations
// are in it and however many: its first four load them, two rows each, and pass them on. Sums are never exchanged.
// X (rows,K) · W (K,N) · b (N) · Y (rows,N), row-major; K and N are padded to multiples of 4 with zeros.
// Rows and flags as in linear/forward.wgsl.
// Grid: ceil(N/8/WORKGROUP), ceil(rowCount/8), 1.  Needs: subgroups, which have at least 4 invocations.
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

// Four consecutive rows of W at vec4 column `at`: always in range, as `at` is and K is a multiple of 4.
fn loadWeights(at: u32) -> mat4x4<f32> {
  let stride = params.outputVectors;
  return mat4x4<f32>(
    weightsOf(W[at]), weightsOf(W[at + stride]), weightsOf(W[at + 2u * stride]), weightsOf(W[at + 3u * stride]));
}

// Where a row of X begins. Rows beyond the last repeat it, and are not stored.
fn inputStart(entry: u32) -> u32 {
  return rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * params.inputVectors;
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

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let left = 2u * (group.x * WORKGROUP + index);
  let entry = group.y * 8u;
  let last = params.outputVectors - 1u;
  let near = min(left, last);
  let far = min(left + 1u, last);
  let start = inputStart(entry + lane % 4u);
  let next = inputStart(entry + 4u + lane % 4u);
  var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>;
  var l4: vec4<f32>; var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>;
  var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
  var r4: vec4<f32>; var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>;

  for (var k = 0u; k < params.inputVectors; k++) {
    let weightRow = 4u * k * params.outputVectors;
    let wl = loadWeights(weightRow + near);
    let wr = loadWeights(weightRow + far);
    let a = X[start + k];
    let b = X[next + k];
    let x0 = subgroupBroadcast(a, 0u); l0 = multiplyAdd(l0, x0, wl); r0 = multiplyAdd(r0, x0, wr);
    let x1 = subgroupBroadcast(a, 1u); l1 = multiplyAdd(l1, x1, wl); r1 = multiplyAdd(r1, x1, wr);
    let x2 = subgroupBroadcast(a, 2u); l2 = multiplyAdd(l2, x2, wl); r2 = multiplyAdd(r2, x2, wr);
    let x3 = subgroupBroadcast(a, 3u); l3 = multiplyAdd(l3, x3, wl); r3 = multiplyAdd(r3, x3, wr);
    let x4 = subgroupBroadcast(b, 0u); l4 = multiplyAdd(l4, x4, wl); r4 = multiplyAdd(r4, x4, wr);
    let x5 = subgroupBroadcast(b, 1u); l5 = multiplyAdd(l5, x5, wl); r5 = multiplyAdd(r5, x5, wr);
    let x6 = subgroupBroadcast(b, 2u); l6 = multiplyAdd(l6, x6, wl); r6 = multiplyAdd(r6, x6, wr);
    let x7 = subgroupBroadcast(b, 3u); l7 = multiplyAdd(l7, x7, wl); r7 = multiplyAdd(r7, x7, wr);
  }

  store(entry, left, l0); store(entry, left + 1u, r0);
  store(entry + 1u, left, l1); store(entry + 1u, left + 1u, r1);
  store(entry + 2u, left, l2); store(entry + 2u, left + 1u, r2);
  store(entry + 3u, left, l3); store(entry + 3u, left + 1u, r3);
  store(entry + 4u, left, l4); store(entry + 4u, left + 1u, r4);
  store(entry + 5u, left, l5); store(entry + 5u, left + 1u, r5);
  store(entry + 6u, left, l6); store(entry + 6u, left + 1u, r6);
  store(entry + 7u, left, l7); store(entry + 7u, left + 1u, r7);
}
