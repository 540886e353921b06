// linear/forward-split.wgsl — Y[row] = activation(X[row]·W + b) (+ Y[row]); up to 8 rows × 8 columns per workgroup, for decoding.
// A lane has one column and one block of K at a time, 8 blocks of K run side by side, and their sums are added in order.
// Shapes, bindings, rows and flags: common/linear-interface.wgsl.
// Grid: ceil(N/8), ceil(rowCount/8), 1.
// Needs: 64 invocations, 2,048 bytes of workgroup memory, 576 more where X is normalised: common/linear-input.wgsl or
// linear-input-normed.wgsl.  Loads: 8 neighbouring lanes read 128 consecutive bytes of weights in f32.
// Reference: test/reference/linear.ts linearForward.
// Reduction order: that of the products over k = 0…K−1, then the bias: the same for every row and kernel.

const ROWS = 8u;
const COLUMNS = 8u;
const SPLITS = 8u;
const VECTORS = COLUMNS / 4u;

var<workgroup> partials: array<Factor, ROWS * SPLITS * COLUMNS>;

fn dotFactors(sum: Factor, a: vec4<Factor>, b: vec4<Factor>) -> Factor {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

@compute @workgroup_size(COLUMNS, SPLITS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let firstEntry = group.y * ROWS;
  let rows = min(ROWS, params.rowCount - firstEntry);
  let column = min(group.x * COLUMNS + local.x, 4u * params.outputVectors - 1u);
  var starts: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { starts[r] = inputStart(firstEntry + r); }
  prepareRows(firstEntry, rows, index);
  // What this lane stores: a row and a vec4 of columns.
  let ownRow = index / VECTORS;
  let ownVector = index % VECTORS;
  var total = vec4<f32>();

  for (var begin = 0u; begin < params.inputVectors; begin += SPLITS * PRODUCT_BLOCK) {
    let first = begin + local.y * PRODUCT_BLOCK;
    let end = min(first + PRODUCT_BLOCK, params.inputVectors);
    var sums = array<Factor, ROWS>();
    var k = first;
    // Four loads of weights under way at a time.
    for (; k + 4u <= end; k += 4u) {
      let w0 = vec4<Factor>(weightsAt(k, column));
      let w1 = vec4<Factor>(weightsAt(k + 1u, column));
      let w2 = vec4<Factor>(weightsAt(k + 2u, column));
      let w3 = vec4<Factor>(weightsAt(k + 3u, column));
      for (var r = 0u; r < ROWS; r++) {
        if (r >= rows) { break; }
        let x = starts[r];
        sums[r] = dotFactors(sums[r], vec4<Factor>(inputAt(r, x, k)), w0);
        sums[r] = dotFactors(sums[r], vec4<Factor>(inputAt(r, x, k + 1u)), w1);
        sums[r] = dotFactors(sums[r], vec4<Factor>(inputAt(r, x, k + 2u)), w2);
        sums[r] = dotFactors(sums[r], vec4<Factor>(inputAt(r, x, k + 3u)), w3);
      }
    }
    for (; k < end; k++) {
      let w = vec4<Factor>(weightsAt(k, column));
      for (var r = 0u; r < ROWS; r++) {
        if (r >= rows) { break; }
        sums[r] = dotFactors(sums[r], vec4<Factor>(inputAt(r, starts[r], k)), w);
      }
    }
    for (var r = 0u; r < ROWS; r++) { partials[(r * SPLITS + local.y) * COLUMNS + local.x] = sums[r]; }
    workgroupBarrier();
    if (ownRow < rows) {
      let splits = min(SPLITS, (params.inputVectors - begin + PRODUCT_BLOCK - 1u) / PRODUCT_BLOCK);
      for (var s = 0u; s < splits; s++) {
        let at = (ownRow * SPLITS + s) * COLUMNS + 4u * ownVector;
        total = addBlock(total, vec4<Factor>(partials[at], partials[at + 1u], partials[at + 2u], partials[at + 3u]));
      }
    }
    workgroupBarrier();
  }
  if (ownRow < rows) { store(firstEntry + ownRow, group.x * VECTORS + ownVector, total); }
}
