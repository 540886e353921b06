// linear/forward-workgroup.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); TILE_ROWS × TILE_COLUMNS per workgroup.
// X and W pass through workgroup memory, 16 of K at a time. An invocation computes THREAD_ROWS rows × THREAD_VECTORS vec4
// columns, spread over the tile, so that neighbours read neighbouring words.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/TILE_COLUMNS), ceil(rowCount/TILE_ROWS), 1.
// Products are those of common/products-float.wgsl or products-half.wgsl: Factor is f32 or f16.
// Needs: (TILE_COLUMNS/4/THREAD_VECTORS)·(TILE_ROWS/THREAD_ROWS) invocations, 64·(TILE_ROWS + TILE_COLUMNS) bytes for f32.
// Reference: test/reference/linear.ts linearForward.
// Reduction order: that of the products over k = 0…K−1, then the bias: the same for every row and kernel.

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

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let width = params.inputVectors;
  let firstEntry = group.y * TILE_ROWS;
  let firstColumn = group.x * TILE_VECTORS;

  // The rows of X that this invocation loads begin here.
  var starts: array<u32, X_LOADS>;
  for (var i = 0u; i < X_LOADS; i++) { starts[i] = inputStart(firstEntry + (index + i * THREADS) / DEPTH); }
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
