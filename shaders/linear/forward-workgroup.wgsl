// linear/forward-workgroup.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); TILE_ROWS × TILE_COLUMNS per workgroup.
// X and W pass through workgroup memory, 16 of K at a time. An invocation computes THREAD_ROWS rows × THREAD_VECTORS vec4
// columns, spread over the tile, so that neighbours read neighbouring words.
// X (rows,K) · W (K,N) · b (N) · Y (rows,N), row-major; K and N are padded to multiples of 4 with zeros.
// Rows and flags as in linear/forward.wgsl.
// Grid: ceil(N/TILE_COLUMNS), ceil(rowCount/TILE_ROWS), 1.
// Products are those of common/products-float.wgsl or products-half.wgsl: Factor is f32 or f16.
// Needs: (TILE_COLUMNS/4/THREAD_VECTORS)·(TILE_ROWS/THREAD_ROWS) invocations, 64·(TILE_ROWS + TILE_COLUMNS) bytes for f32.
// Reference: test/reference/linear.ts linearForward.
// Reduction order: that of the products over k = 0…K−1, then the bias: the same for every row and kernel.

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

const DEPTH = 4u; // vec4s of K in a tile, and in a part of the products
const TILE_VECTORS = TILE_COLUMNS / 4u;
const THREADS_X = TILE_VECTORS / THREAD_VECTORS;
const THREADS_Y = TILE_ROWS / THREAD_ROWS;
const THREADS = THREADS_X * THREADS_Y;
// Vec4s that an invocation brings into each tile: whole numbers for every kernel.
const X_LOADS = TILE_ROWS * DEPTH / THREADS;
const W_LOADS = 4u * DEPTH * TILE_VECTORS / THREADS;

var<workgroup> xTile: array<vec4<Factor>, TILE_ROWS * DEPTH>;         // (TILE_ROWS, DEPTH)
var<workgroup> wTile: array<vec4<Factor>, 4u * DEPTH * TILE_VECTORS>; // (4·DEPTH, TILE_VECTORS)

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

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let width = params.inputVectors;
  let firstEntry = group.y * TILE_ROWS;
  let firstColumn = group.x * TILE_VECTORS;

  // Where the rows of X begin that this invocation brings. Rows beyond the last repeat it, and are not stored.
  var starts: array<u32, X_LOADS>;
  for (var i = 0u; i < X_LOADS; i++) {
    let entry = firstEntry + (index + i * THREADS) / DEPTH;
    starts[i] = rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * width;
  }
  var sums: array<vec4<f32>, THREAD_ROWS * THREAD_VECTORS>;

  for (var first = 0u; first < width; first += DEPTH) {
    for (var i = 0u; i < X_LOADS; i++) {
      let at = index + i * THREADS;
      let k = first + at % DEPTH;
      if (k < width) { xTile[at] = vec4<Factor>(X[starts[i] + k]); }
    }
    for (var i = 0u; i < W_LOADS; i++) {
      let at = index + i * THREADS;
      let k = 4u * first + at / TILE_VECTORS;
      let column = min(firstColumn + at % TILE_VECTORS, params.outputVectors - 1u);
      if (k < 4u * width) { wTile[at] = factorsOf(W[k * params.outputVectors + column]); }
    }
    workgroupBarrier();

    // The last tile may be short: what lies behind its end in workgroup memory is not read.
    let depth = min(DEPTH, width - first);
    var parts = array<vec4<Factor>, THREAD_ROWS * THREAD_VECTORS>();
    for (var i = 0u; i < THREAD_ROWS * THREAD_VECTORS; i++) { parts[i] = beginPart(sums[i]); }
    for (var k = 0u; k < depth; k++) {
      for (var v = 0u; v < THREAD_VECTORS; v++) {
        let at = 4u * k * TILE_VECTORS + local.x + v * THREADS_X;
        let w = mat4x4<Factor>(
          wTile[at], wTile[at + TILE_VECTORS], wTile[at + 2u * TILE_VECTORS], wTile[at + 3u * TILE_VECTORS]);
        for (var r = 0u; r < THREAD_ROWS; r++) {
          let x = xTile[(local.y + r * THREADS_Y) * DEPTH + k];
          parts[r * THREAD_VECTORS + v] = multiplyAdd(parts[r * THREAD_VECTORS + v], x, w);
        }
      }
    }
    for (var i = 0u; i < THREAD_ROWS * THREAD_VECTORS; i++) { sums[i] = endPart(sums[i], parts[i]); }
    workgroupBarrier();
  }

  for (var r = 0u; r < THREAD_ROWS; r++) {
    for (var v = 0u; v < THREAD_VECTORS; v++) {
      store(firstEntry + local.y + r * THREADS_Y, firstColumn + local.x + v * THREADS_X,
        sums[r * THREAD_VECTORS + v]);
    }
  }
}
