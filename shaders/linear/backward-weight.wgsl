// linear/backward-weight.wgsl — dW += Xᵀ·dY, db += Σ dY: 8 inputs × 8 outputs of dW per invocation, over all rows.
// X (rows,K) · dY (rows,N) · dW (K,N) · db (N), row-major f32, padded as forward.
// A weight has no token axis: each of its elements has one owner, which reads every row. No atomics, no partial sums
// between invocations.
// Grid: ceil(N/8/WORKGROUP_X), ceil(K/8/WORKGROUP_Y), 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/linear-backward.ts linearBackwardWeight.
// Reduction order: rows in the order of the table, in sums of 64, which are added in order; then added to what is there.

struct Params {
  firstEntry: u32,     // first entry of the rows of X in rowTable
  rowCount: u32,       // rows of this dispatch, ≥ 1
  inputVectors: u32,   // K/4
  outputVectors: u32,  // N/4
  gradientStride: u32, // row stride of dY in vec4s
  gradientOffset: u32, // first vec4 column of dY that is read
  outputEntry: u32,    // first entry of the rows of dY in rowTable; unused when COMPACT_GRADIENT is set
  flags: u32,          // COMPACT_GRADIENT: row i of the table has its gradient in row i of dY
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;        // (rows, K/4)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;       // (rows, gradientStride)
@group(0) @binding(3) var<storage, read> rowTable: array<u32>;       // rows of X, then of dY
@group(0) @binding(4) var<storage, read_write> dW: array<vec4<f32>>; // (K, N/4)
@group(0) @binding(5) var<storage, read_write> db: array<vec4<f32>>; // (N/4)

const COMPACT_GRADIENT = 4u;
const ROWS_PER_SUM = 64u;

fn store(input: u32, column: u32, sum: vec4<f32>) {
  if (input >= 4u * params.inputVectors || column >= params.outputVectors) { return; }
  dW[input * params.outputVectors + column] += sum;
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let left = id.x * 2u;
  let upper = id.y * 2u;
  if (left >= params.outputVectors || upper >= params.inputVectors) { return; }
  let right = min(left + 1u, params.outputVectors - 1u);
  let lower = min(upper + 1u, params.inputVectors - 1u);

  // Totals: t for the four inputs of vector `upper`, u for those of `lower`; l and r for the two output vectors.
  var tl0: vec4<f32>; var tl1: vec4<f32>; var tl2: vec4<f32>; var tl3: vec4<f32>;
  var tr0: vec4<f32>; var tr1: vec4<f32>; var tr2: vec4<f32>; var tr3: vec4<f32>;
  var ul0: vec4<f32>; var ul1: vec4<f32>; var ul2: vec4<f32>; var ul3: vec4<f32>;
  var ur0: vec4<f32>; var ur1: vec4<f32>; var ur2: vec4<f32>; var ur3: vec4<f32>;
  var biasLeft: vec4<f32>; var biasRight: vec4<f32>;

  for (var first = 0u; first < params.rowCount; first += ROWS_PER_SUM) {
    // Written out: without a value, Dawn on Vulkan zeroes a variable of a loop only once (WGSL: in every round).
    var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
    var b0 = vec4<f32>(); var b1 = vec4<f32>(); var b2 = vec4<f32>(); var b3 = vec4<f32>();
    var c0 = vec4<f32>(); var c1 = vec4<f32>(); var c2 = vec4<f32>(); var c3 = vec4<f32>();
    var d0 = vec4<f32>(); var d1 = vec4<f32>(); var d2 = vec4<f32>(); var d3 = vec4<f32>();
    var sumLeft = vec4<f32>(); var sumRight = vec4<f32>();
    let end = min(first + ROWS_PER_SUM, params.rowCount);
    for (var entry = first; entry < end; entry++) {
      let row = rowTable[params.firstEntry + entry] * params.inputVectors;
      var gradientRow = entry;
      if ((params.flags & COMPACT_GRADIENT) == 0u) { gradientRow = rowTable[params.outputEntry + entry]; }
      let gradient = gradientRow * params.gradientStride + params.gradientOffset;
      let x = X[row + upper];
      let z = X[row + lower];
      let l = dY[gradient + left];
      let r = dY[gradient + right];
      a0 = fma(vec4<f32>(x.x), l, a0); a1 = fma(vec4<f32>(x.y), l, a1);
      a2 = fma(vec4<f32>(x.z), l, a2); a3 = fma(vec4<f32>(x.w), l, a3);
      b0 = fma(vec4<f32>(x.x), r, b0); b1 = fma(vec4<f32>(x.y), r, b1);
      b2 = fma(vec4<f32>(x.z), r, b2); b3 = fma(vec4<f32>(x.w), r, b3);
      c0 = fma(vec4<f32>(z.x), l, c0); c1 = fma(vec4<f32>(z.y), l, c1);
      c2 = fma(vec4<f32>(z.z), l, c2); c3 = fma(vec4<f32>(z.w), l, c3);
      d0 = fma(vec4<f32>(z.x), r, d0); d1 = fma(vec4<f32>(z.y), r, d1);
      d2 = fma(vec4<f32>(z.z), r, d2); d3 = fma(vec4<f32>(z.w), r, d3);
      sumLeft += l; sumRight += r;
    }
    tl0 += a0; tl1 += a1; tl2 += a2; tl3 += a3; tr0 += b0; tr1 += b1; tr2 += b2; tr3 += b3;
    ul0 += c0; ul1 += c1; ul2 += c2; ul3 += c3; ur0 += d0; ur1 += d1; ur2 += d2; ur3 += d3;
    biasLeft += sumLeft; biasRight += sumRight;
  }

  let k = 4u * upper;
  store(k, left, tl0); store(k + 1u, left, tl1); store(k + 2u, left, tl2); store(k + 3u, left, tl3);
  if (left + 1u < params.outputVectors) {
    store(k, right, tr0); store(k + 1u, right, tr1); store(k + 2u, right, tr2); store(k + 3u, right, tr3);
  }
  if (upper + 1u < params.inputVectors) {
    store(k + 4u, left, ul0); store(k + 5u, left, ul1); store(k + 6u, left, ul2); store(k + 7u, left, ul3);
    if (left + 1u < params.outputVectors) {
      store(k + 4u, right, ur0); store(k + 5u, right, ur1); store(k + 6u, right, ur2); store(k + 7u, right, ur3);
    }
  }
  if (upper == 0u) {
    db[left] += biasLeft;
    if (left + 1u < params.outputVectors) { db[right] += biasRight; }
  }
}
