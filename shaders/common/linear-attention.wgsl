// common/linear-attention.wgsl — the sums of a linear layer as queries, keys and values, stored where attention reads them: the heads
// of queries in Q[row], those of keys and of values in KV[slot]. Those of queries and keys are turned by the row's position.
// Q (rows, H, D) · KV (slots, 2, KV, D), row-major; D is padded to a multiple of 4 with zeros. Columns are all queries, then all keys,
// then all values, and a dispatch may have only some of them. A cache may have KV in f16.
// The row table lists rows, slots (a cache row in generation, else an arena row) and positions, each in a list of its own.
// The bits are those of common/linear-rows.wgsl, then rotary/forward.wgsl.
// An interface fragment, behind common/linear-interface.wgsl.  Needs common/rotary.wgsl and common/key-values-float.wgsl or
// key-values-half.wgsl.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch, ≥ 1
  inputVectors: u32,  // K/4
  outputVectors: u32, // N/4, a quarter of the row stride of W, and the length of b
  outputOffset: u32,  // the vec4 of queries, keys and values that the first column is
  slotEntry: u32,     // first entry of the slots in rowTable
  positionEntry: u32, // first entry of the positions in rowTable
  headVectors: u32,   // ceil(D/4)
  turnedVectors: u32, // vec4s of a head that are turned
  queryVectors: u32,  // H·headVectors
  keyVectors: u32,    // KV·headVectors
}

@group(0) @binding(6) var<storage, read> angles: array<vec4<f32>>;        // as common/rotary.wgsl says
@group(0) @binding(7) var<storage, read_write> Q: array<vec4<f32>>;       // (arena rows, queryVectors)
@group(0) @binding(8) var<storage, read_write> KV: array<KeyValueVector>; // (slots, 2·keyVectors)

// Stores a vec4 of a head, unless its row or column is out of range.
fn store(entry: u32, column: u32, sum: vec4<f32>) {
  if (entry >= params.rowCount || column >= params.outputVectors) { return; }
  let vector = params.outputOffset + column;
  var x = sum + bias[column];
  let part = vector % params.headVectors;
  if (part < params.turnedVectors && vector < params.queryVectors + params.keyVectors) {
    x = turn(x, angleOf(rowTable[params.positionEntry + entry], part));
  }
  if (vector < params.queryVectors) {
    Q[rowTable[params.firstEntry + entry] * params.queryVectors + vector] = x;
  } else {
    KV[rowTable[params.slotEntry + entry] * 2u * params.keyVectors + vector - params.queryVectors] = storedOf(x);
  }
}
