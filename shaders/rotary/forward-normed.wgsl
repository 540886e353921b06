// rotary/forward-normed.wgsl — the queries and keys of X[row] normalised, turned by the row's position, and stored where attention
// reads them, with the values of X[row] as they are. Norms are by the mean square and have no bias, over each head or over all heads
// together.
// X (rows, H + 2·KV, D): queries, keys, values · gains (width of a norm) · Q (rows, H, D) · KV (slots, 2, KV, D), row-major f32; D is
// padded to a multiple of 4 with zeros. A cache may have KV in f16. Tables: as in common/linear-attention.wgsl.
// The bits are those of norm/forward.wgsl for queries and for keys, then rotary/forward.wgsl.
// Grid: ceil(rowCount·(queryNorms + 2·keyNorms)·LANES/64), 1, 1 (folded into y beyond 65,535).
// Needs: core limits (8 storage bindings), 512 bytes of workgroup memory.
// Reference: test/reference/norm.ts normForward, test/reference/rotary.ts rotaryForward.
// Scale, with its reduction order: common/norm-stats.wgsl.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch
  slotEntry: u32,     // first entry of the slots in rowTable
  positionEntry: u32, // first entry of the positions in rowTable
  headVectors: u32,   // ceil(D/4)
  turnedVectors: u32, // vec4s of a head that are turned
  queryVectors: u32,  // H·headVectors
  keyVectors: u32,    // KV·headVectors
  queryNorms: u32,    // norms of a row's queries: H, or 1
  keyNorms: u32,      // KV, or 1; as many parts of the values are copied by others
  queryWidth: u32,    // numbers that a norm of queries is over
  keyWidth: u32,
  epsilon: f32,
  gainOffset: f32,    // 1 where files hold gain − 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;             // (arena rows, queryVectors + 2·keyVectors)
@group(0) @binding(2) var<storage, read> queryGain: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> keyGain: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;          // zeros, which turn −0 to 0 as biases do
@group(0) @binding(5) var<storage, read> angles: array<vec4<f32>>;        // as common/rotary.wgsl says
@group(0) @binding(6) var<storage, read> rowTable: array<u32>;            // arena row of every row, its slot, its position
@group(0) @binding(7) var<storage, read_write> Q: array<vec4<f32>>;       // (arena rows, queryVectors)
@group(0) @binding(8) var<storage, read_write> KV: array<KeyValueVector>; // (slots, 2·keyVectors)

fn normEpsilon() -> f32 {
  return params.epsilon;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let parts = params.queryNorms + 2u * params.keyNorms;
  let count = params.rowCount * parts;
  let task = (group.y * groups.x + group.x) * (THREADS / LANES) + index / LANES;
  // Invocations without a task help with the barriers, and store nothing.
  let own = min(task, count - 1u);
  let entry = own / parts;
  let part = own % parts;
  let row = rowTable[params.firstEntry + entry];
  let isQuery = part < params.queryNorms;
  let isValue = part >= params.queryNorms + params.keyNorms;
  let width = select(params.keyWidth, params.queryWidth, isQuery);
  let vectors = select(params.keyVectors / params.keyNorms, params.queryVectors / params.queryNorms, isQuery);
  // Where the part begins among queries, or among keys and values.
  let first = select(part - params.queryNorms, part, isQuery) * vectors;
  let start = row * (params.queryVectors + 2u * params.keyVectors) + select(params.queryVectors, 0u, isQuery) + first;
  let scale = statsOf(start, vectors, width, index).y;
  if (task >= count) { return; }
  for (var v = index % LANES; v < vectors; v += LANES) {
    var x = X[start + v];
    if (!isValue) {
      var gain = vec4<f32>();
      if (isQuery) { gain = queryGain[v]; } else { gain = keyGain[v]; }
      let factor = gain + params.gainOffset;
      x = x * scale * factor + bias[v];
      let place = (first + v) % params.headVectors;
      if (place < params.turnedVectors) { x = turn(x, angleOf(rowTable[params.positionEntry + entry], place)); }
    }
    if (isQuery) {
      Q[row * params.queryVectors + first + v] = x;
    } else {
      KV[rowTable[params.slotEntry + entry] * 2u * params.keyVectors + first + v] = storedOf(x);
    }
  }
}
