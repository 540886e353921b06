// linear/backward-input.wgsl — dX[row] = (dY[row]·Wᵀ) ⊙ activation′(P[row]) (+ dX[row]); 8 rows × 8 inputs per invocation.
// dY (rows,N) · W (K/4,N,4) · P (rows,K): what the activation was applied to · dX (rows,K), row-major f32, padded as forward.
// Grid: ceil(K/8/WORKGROUP_X), ceil(rowCount/8/WORKGROUP_Y), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear-backward.ts linearBackwardInput.
// Reduction order: a chain inside each block of 4·PRODUCT_BLOCK n's, cut from n = 0 on, and the sums of the blocks added in order.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4, the row stride of dX and P
  outputVectors: u32, // N/4, a quarter of the row stride of W
  gradientStride: u32, // row stride of dY in vec4s
  gradientOffset: u32, // first vec4 column of dY that is read
  outputEntry: u32,   // first entry of the rows of dY in rowTable; unused when COMPACT_GRADIENT is set
  flags: u32,         // THROUGH_ACTIVATION, ADD_TO_OUTPUT and COMPACT_GRADIENT
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dY: array<vec4<f32>>;       // (rows, gradientStride)
@group(0) @binding(2) var<storage, read> W: array<vec4<f32>>;        // (K/4, N)
@group(0) @binding(3) var<storage, read> P: array<vec4<f32>>;        // (rows, K/4); read with THROUGH_ACTIVATION only
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;       // rows of dX, then of dY
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>; // (rows, K/4)

const THROUGH_ACTIVATION = 1u;
const ADD_TO_OUTPUT = 2u;
const COMPACT_GRADIENT = 4u;

// A block of products in vec4s along N.
const PRODUCT_BLOCK = 32u;

// The weights of the four outputs of vec4 `n` for the inputs of a vec4, as the columns of a matrix value.
fn loadWeights(vector: u32, n: u32) -> mat4x4<f32> {
  let at = 4u * (vector * params.outputVectors + n);
  return mat4x4<f32>(W[at], W[at + 1u], W[at + 2u], W[at + 3u]);
}

fn gradientRow(entry: u32) -> u32 {
  let own = min(entry, params.rowCount - 1u);
  var row = own;
  if ((params.flags & COMPACT_GRADIENT) == 0u) { row = rowTable[params.outputEntry + own]; }
  return row * params.gradientStride + params.gradientOffset;
}

fn store(entry: u32, vector: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount || vector >= params.inputVectors) { return; }
  let at = rowTable[params.firstEntry + entry] * params.inputVectors + vector;
  var gradient = sum;
  if ((params.flags & THROUGH_ACTIVATION) != 0u) { gradient *= activationDerivative(P[at]); }
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { gradient += dX[at]; }
  dX[at] = gradient;
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let left = id.x * 2u;
  let entry = id.y * 8u;
  if (left >= params.inputVectors || entry >= params.rowCount) { return; }
  let right = min(left + 1u, params.inputVectors - 1u);

  let row0 = gradientRow(entry);
  let row1 = gradientRow(entry + 1u);
  let row2 = gradientRow(entry + 2u);
  let row3 = gradientRow(entry + 3u);
  let row4 = gradientRow(entry + 4u);
  let row5 = gradientRow(entry + 5u);
  let row6 = gradientRow(entry + 6u);
  let row7 = gradientRow(entry + 7u);
  var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>;
  var l4: vec4<f32>; var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>;
  var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
  var r4: vec4<f32>; var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>;

  for (var first = 0u; first < params.outputVectors; first += PRODUCT_BLOCK) {
    var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
    var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
    var b0 = vec4<f32>(); var b1 = vec4<f32>(); var b2 = vec4<f32>(); var b3 = vec4<f32>();
    var b4 = vec4<f32>(); var b5 = vec4<f32>(); var b6 = vec4<f32>(); var b7 = vec4<f32>();
    for (var n = first; n < min(first + PRODUCT_BLOCK, params.outputVectors); n++) {
      let wl = loadWeights(left, n);
      let wr = loadWeights(right, n);
      let y0 = dY[row0 + n]; a0 = weighted(a0, y0, wl); b0 = weighted(b0, y0, wr);
      let y1 = dY[row1 + n]; a1 = weighted(a1, y1, wl); b1 = weighted(b1, y1, wr);
      let y2 = dY[row2 + n]; a2 = weighted(a2, y2, wl); b2 = weighted(b2, y2, wr);
      let y3 = dY[row3 + n]; a3 = weighted(a3, y3, wl); b3 = weighted(b3, y3, wr);
      let y4 = dY[row4 + n]; a4 = weighted(a4, y4, wl); b4 = weighted(b4, y4, wr);
      let y5 = dY[row5 + n]; a5 = weighted(a5, y5, wl); b5 = weighted(b5, y5, wr);
      let y6 = dY[row6 + n]; a6 = weighted(a6, y6, wl); b6 = weighted(b6, y6, wr);
      let y7 = dY[row7 + n]; a7 = weighted(a7, y7, wl); b7 = weighted(b7, y7, wr);
    }
    l0 += a0; r0 += b0; l1 += a1; r1 += b1;
    l2 += a2; r2 += b2; l3 += a3; r3 += b3;
    l4 += a4; r4 += b4; l5 += a5; r5 += b5;
    l6 += a6; r6 += b6; l7 += a7; r7 += b7;
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
