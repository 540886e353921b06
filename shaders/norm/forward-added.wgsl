// norm/forward-added.wgsl — Y += norm(X)·(gain + gainOffset), then Z = norm(Y)·(nextGain + nextGainOffset), for whole rows: what a branch
// adds to the residual stream, and the norm that follows. Both norms are by the mean square and have no bias.
// X, Y, Z (rows, width) · gain, nextGain (width), row-major f32, padded to multiples of 4 with zeros.
// The bits are those of norm/forward.wgsl, twice.
// Grid: ceil(rowCount·LANES/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits, 512 bytes of workgroup memory.
// Source: arxiv.org/abs/1910.07467.  Reference: test/reference/norm.ts normForward.
// Scale, with its reduction order: common/norm-stats.wgsl.

struct Params {
  firstEntry: u32,     // first entry of this dispatch in rowTable
  rowCount: u32,       // rows of this dispatch
  width: u32,
  vectors: u32,        // ceil(width/4)
  epsilon: f32,
  gainOffset: f32,     // 1 where files hold gain − 1
  nextGainOffset: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;        // (arena rows, vectors)
@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>;     // (vectors)
@group(0) @binding(3) var<storage, read> nextGain: array<vec4<f32>>; // (vectors)
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;     // zeros, which turn −0 to 0 as biases do
@group(0) @binding(5) var<storage, read> rowTable: array<u32>;       // arena row of every row
@group(0) @binding(6) var<storage, read_write> Y: array<vec4<f32>>;  // (arena rows, vectors)
@group(0) @binding(7) var<storage, read_write> Z: array<vec4<f32>>;  // (arena rows, vectors)

fn normEpsilon() -> f32 {
  return params.epsilon;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let entry = (group.y * groups.x + group.x) * (THREADS / LANES) + index / LANES;
  let start = rowTable[params.firstEntry + min(entry, params.rowCount - 1u)] * params.vectors;
  let scale = statsOf(start, params.vectors, params.width, index).y;
  // Invocations without a row have helped with the barriers, and store nothing.
  let end = select(0u, params.vectors, entry < params.rowCount);
  var squares = vec4<f32>();
  for (var v = index % LANES; v < end; v += LANES) {
    // In two statements, as norm/forward.wgsl has it: a driver that reorders a sum must find the same one.
    var y = X[start + v] * scale * (gain[v] + params.gainOffset) + bias[v];
    y += Y[start + v];
    Y[start + v] = y;
    squares = fma(y, y, squares);
  }
  // Banks in turn: that of the squares of X was bank 1.
  let nextScale = 1.0 / sqrt(sumOverLanes(0u, index, sumOf(squares)) / f32(params.width) + params.epsilon);
  for (var v = index % LANES; v < end; v += LANES) {
    Z[start + v] = Y[start + v] * nextScale * (nextGain[v] + params.nextGainOffset) + bias[v];
  }
}
