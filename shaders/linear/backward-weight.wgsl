// linear/backward-weight.wgsl — dW (+)= Xᵀ·dY, db (+)= Σ dY: 8 inputs × 8 outputs of dW per invocation, over a slab of rows.
// X (rows,K) · dY (rows,N) · dW (slabs,K/4,N,4) · db (slabs,N), row-major f32, padded as forward.
// A weight has no token axis: each of its elements has one owner, which reads every row. Where that makes too few
// invocations, rows are cut into slabs, each with an owner that leaves its sum to linear/backward-weight-sum.wgsl. No atomics.
// Grid: ceil(N/8/WORKGROUP_X), ceil(K/8/WORKGROUP_Y), slabs.  Needs: core limits, no workgroup memory.
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
  flags: u32,          // ADD_TO_OUTPUT; COMPACT_GRADIENT: row i of the table has its gradient in row i of dY
  slabRows: u32,       // rows of a slab, the last one's may be fewer
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;        // (rows, K/4)
@group(0) @binding(2) var<storage, read> dY: array<vec4<f32>>;       // (rows, gradientStride)
@group(0) @binding(3) var<storage, read> rowTable: array<u32>;       // rows of X, then of dY
@group(0) @binding(4) var<storage, read_write> dW: array<vec4<f32>>; // (slabs, K/4, N)
@group(0) @binding(5) var<storage, read_write> db: array<vec4<f32>>; // (slabs, N/4)

const ADD_TO_OUTPUT = 2u;
const COMPACT_GRADIENT = 4u;
const ROWS_PER_SUM = 64u;

// Adds four rows to a tile, whose columns belong to four outputs, their components to four inputs. A column of x or y is
// what four rows have for one input or output.
fn addFour(sum: mat4x4<f32>, x: mat4x4<f32>, y: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(dots(sum[0], y[0], x), dots(sum[1], y[1], x), dots(sum[2], y[2], x), dots(sum[3], y[3], x));
}

fn loadInputs(at: vec4<u32>) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(X[at.x], X[at.y], X[at.z], X[at.w]));
}

// Rows beyond the last one of a sum read it again, with a gradient of 0.
fn loadGradients(at: vec4<u32>, isRow: vec4<f32>) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(dY[at.x] * isRow.x, dY[at.y] * isRow.y, dY[at.z] * isRow.z, dY[at.w] * isRow.w));
}

fn rowsAt(first: u32, entry: vec4<u32>) -> vec4<u32> {
  let at = first + entry;
  return vec4<u32>(rowTable[at.x], rowTable[at.y], rowTable[at.z], rowTable[at.w]);
}

fn gradientRows(entry: vec4<u32>) -> vec4<u32> {
  var row = entry;
  if ((params.flags & COMPACT_GRADIENT) == 0u) { row = rowsAt(params.outputEntry, entry); }
  return row * params.gradientStride + params.gradientOffset;
}

fn store(at: u32, sum: vec4<f32>) {
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { dW[at] += sum; } else { dW[at] = sum; }
}

// A loop of its own, because only one row of tiles needs it.
fn storeBias(slab: u32, column: u32, begin: u32, end: u32) {
  if (column >= params.outputVectors) { return; }
  var total: vec4<f32>;
  for (var first = begin; first < end; first += ROWS_PER_SUM) {
    var sum = vec4<f32>();
    for (var entry = first; entry < min(first + ROWS_PER_SUM, end); entry++) {
      sum += dY[gradientRows(vec4<u32>(entry)).x + column];
    }
    total += sum;
  }
  let at = slab * params.outputVectors + column;
  if ((params.flags & ADD_TO_OUTPUT) != 0u) { db[at] += total; } else { db[at] = total; }
}

fn storeTile(slab: u32, inputVector: u32, column: u32, sums: mat4x4<f32>) {
  if (inputVector >= params.inputVectors || column >= params.outputVectors) { return; }
  let at = 4u * ((slab * params.inputVectors + inputVector) * params.outputVectors + column);
  store(at, sums[0]);
  store(at + 1u, sums[1]);
  store(at + 2u, sums[2]);
  store(at + 3u, sums[3]);
}

@compute @workgroup_size(WORKGROUP_X, WORKGROUP_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let left = id.x * 2u;
  let upper = id.y * 2u;
  if (left >= params.outputVectors || upper >= params.inputVectors) { return; }
  let right = min(left + 1u, params.outputVectors - 1u);
  let lower = min(upper + 1u, params.inputVectors - 1u);
  let begin = id.z * params.slabRows;
  let end = min(begin + params.slabRows, params.rowCount);

  var upperLeft: mat4x4<f32>; var upperRight: mat4x4<f32>;
  var lowerLeft: mat4x4<f32>; var lowerRight: mat4x4<f32>;

  for (var first = begin; first < end; first += ROWS_PER_SUM) {
    // Written out: without a value, Dawn on Vulkan zeroes a variable of a loop only once (WGSL: in every round).
    var ul = mat4x4<f32>(); var ur = mat4x4<f32>(); var ll = mat4x4<f32>(); var lr = mat4x4<f32>();
    let sumEnd = min(first + ROWS_PER_SUM, end);
    for (var four = first; four < sumEnd; four += 4u) {
      let place = four + vec4<u32>(0u, 1u, 2u, 3u);
      let entry = min(place, vec4<u32>(sumEnd - 1u));
      let isRow = select(vec4<f32>(), vec4<f32>(1.0), place < vec4<u32>(sumEnd));
      let row = rowsAt(params.firstEntry, entry) * params.inputVectors;
      let gradient = gradientRows(entry);
      let u = loadInputs(row + upper);
      let v = loadInputs(row + lower);
      let l = loadGradients(gradient + left, isRow);
      let r = loadGradients(gradient + right, isRow);
      ul = addFour(ul, u, l); ur = addFour(ur, u, r);
      ll = addFour(ll, v, l); lr = addFour(lr, v, r);
    }
    upperLeft += ul; upperRight += ur; lowerLeft += ll; lowerRight += lr;
  }

  storeTile(id.z, upper, left, upperLeft); storeTile(id.z, upper, left + 1u, upperRight);
  storeTile(id.z, upper + 1u, left, lowerLeft); storeTile(id.z, upper + 1u, left + 1u, lowerRight);
  if (upper == 0u) { storeBias(id.z, left, begin, end); storeBias(id.z, left + 1u, begin, end); }
}
