// linear/forward-tiled.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); TILE_ROWS × TILE_COLUMNS per workgroup, for GPUs.
// X and W pass through workgroup memory, 16 of K at a time, both with k outermost: then each k is an outer product of THREAD_ROWS
// rows and 4·THREAD_VECTORS columns of an invocation, which needs the fewest registers and loads per multiply-add.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/TILE_COLUMNS), ceil(rowCount/TILE_ROWS), 1.
// Products are those of common/products-float.wgsl or products-half.wgsl: Factor is f32 or f16.
// Needs: (TILE_COLUMNS/4/THREAD_VECTORS)·(TILE_ROWS/THREAD_ROWS) invocations, 64·(TILE_ROWS + TILE_COLUMNS) bytes for f32.
// Loads: of W, neighbouring lanes read neighbouring 64 bytes (32 of f16); of X, four neighbouring lanes read 64 bytes of a row.
// Reference: test/reference/linear.ts linearForward.
// Reduction order: that of the products over k = 0…K−1, then the bias: the same for every row and kernel.

const DEPTH = 4u; // vec4s of K in a tile
const THREADS_X = TILE_COLUMNS / 4u / THREAD_VECTORS;
const THREADS_Y = TILE_ROWS / THREAD_ROWS;
const THREADS = THREADS_X * THREADS_Y;
const ROW_FOURS = THREAD_ROWS / 4u;
const TILE_ROW_FOURS = TILE_ROWS / 4u;
const TILE_COLUMN_FOURS = TILE_COLUMNS / 4u;

var<workgroup> xTile: array<vec4<Factor>, 4u * DEPTH * TILE_ROW_FOURS>;    // (4·DEPTH, TILE_ROWS)
var<workgroup> wTile: array<vec4<Factor>, 4u * DEPTH * TILE_COLUMN_FOURS>; // (4·DEPTH, TILE_COLUMNS)

@compute @workgroup_size(THREADS_X, THREADS_Y)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let width = params.inputVectors;
  let firstEntry = group.y * TILE_ROWS;
  let firstColumn = group.x * TILE_COLUMNS;

  // An invocation loads four k's of four rows of X, or of four columns of W, and turns them. The rows of X begin here.
  let xFour = index / DEPTH;
  var starts = vec4<u32>();
  if (index < TILE_ROWS) {
    let entry = firstEntry + 4u * xFour;
    starts = vec4<u32>(
      inputStart(entry), inputStart(entry + 1u), inputStart(entry + 2u), inputStart(entry + 3u));
  }
  var sums = array<vec4<f32>, THREAD_ROWS * THREAD_VECTORS>();

  for (var begin = 0u; begin < width; begin += PRODUCT_BLOCK) {
    let end = min(begin + PRODUCT_BLOCK, width);
    var parts = array<vec4<Factor>, THREAD_ROWS * THREAD_VECTORS>();
    for (var first = begin; first < end; first += DEPTH) {
      for (var item = index; item < TILE_ROWS + TILE_COLUMNS; item += THREADS) {
        if (item < TILE_ROWS) {
          let k = first + item % DEPTH;
          if (k < width) {
            let x = transpose(mat4x4<f32>(X[starts.x + k], X[starts.y + k], X[starts.z + k], X[starts.w + k]));
            let to = item % DEPTH * 4u * TILE_ROW_FOURS + xFour;
            xTile[to] = vec4<Factor>(x[0]);
            xTile[to + TILE_ROW_FOURS] = vec4<Factor>(x[1]);
            xTile[to + 2u * TILE_ROW_FOURS] = vec4<Factor>(x[2]);
            xTile[to + 3u * TILE_ROW_FOURS] = vec4<Factor>(x[3]);
          }
        } else {
          let own = item - TILE_ROWS;
          let k = first + own / TILE_COLUMN_FOURS;
          let column = own % TILE_COLUMN_FOURS;
          if (k < width) {
            let w = transpose(loadWeights(k, min(firstColumn / 4u + column, params.outputVectors - 1u)));
            let to = own / TILE_COLUMN_FOURS * 4u * TILE_COLUMN_FOURS + column;
            wTile[to] = w[0];
            wTile[to + TILE_COLUMN_FOURS] = w[1];
            wTile[to + 2u * TILE_COLUMN_FOURS] = w[2];
            wTile[to + 3u * TILE_COLUMN_FOURS] = w[3];
          }
        }
      }
      workgroupBarrier();

      // The last tile may be short: what lies behind its end in workgroup memory is not read.
      let depth = 4u * min(DEPTH, end - first);
      for (var four = 0u; four < depth; four += 4u) {
        for (var j = 0u; j < 4u; j++) {
          let k = four + j;
          var x = array<vec4<Factor>, ROW_FOURS>();
          var w = array<vec4<Factor>, THREAD_VECTORS>();
          for (var r = 0u; r < ROW_FOURS; r++) { x[r] = xTile[k * TILE_ROW_FOURS + local.y + r * THREADS_Y]; }
          for (var v = 0u; v < THREAD_VECTORS; v++) {
            w[v] = wTile[k * TILE_COLUMN_FOURS + local.x + v * THREADS_X];
          }
          for (var r = 0u; r < THREAD_ROWS; r++) {
            for (var v = 0u; v < THREAD_VECTORS; v++) {
              let i = r * THREAD_VECTORS + v;
              parts[i] = fma(vec4<Factor>(x[r / 4u][r % 4u]), w[v], parts[i]);
            }
          }
        }
      }
      workgroupBarrier();
    }
    for (var i = 0u; i < THREAD_ROWS * THREAD_VECTORS; i++) { sums[i] = addBlock(sums[i], parts[i]); }
  }

  for (var r = 0u; r < THREAD_ROWS; r++) {
    for (var v = 0u; v < THREAD_VECTORS; v++) {
      store(firstEntry + 4u * (local.y + r / 4u * THREADS_Y) + r % 4u,
        firstColumn / 4u + local.x + v * THREADS_X, sums[r * THREAD_VECTORS + v]);
    }
  }
}
