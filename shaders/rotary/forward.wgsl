// rotary/forward.wgsl — Q2[row] = the heads of Q[row], turned by the row's position; KV[row] = those of K[row], turned, and V[row].
// Q (rows, queryStride) · K (rows, keyStride) · V (rows, H + 2·KV, D), whose last KV heads are read · Q2 (rows, H, D) · KV (slots, 2,
// KV, D), row-major f32; D is padded to a multiple of 4 with zeros. The first 4·turnedVectors numbers of a head are turned, the others
// copied. A slot is a cache row in generation, else an arena row: `slotEntry` begins the list of them. A cache may have KV in f16:
// common/key-values-float.wgsl or common/key-values-half.wgsl stores it.
// Grid: ceil(rowCount·(H + 2·KV)·D/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits (8 storage bindings).
// Reference: test/reference/rotary.ts rotaryForward.

struct Params {
  firstEntry: u32,      // first entry of this dispatch in rowTable
  rowCount: u32,        // rows of this dispatch
  slotEntry: u32,       // first entry of the slots in rowTable
  headVectors: u32,     // ceil(D/4)
  turnedVectors: u32,   // vec4s of a head that are turned
  queryVectors: u32,    // H·headVectors
  keyVectors: u32,      // KV·headVectors
  queryStride: u32,     // row stride of Q in vec4s
  keyStride: u32,       // row stride of K in vec4s
  keyOffset: u32,       // where the keys of a row of K begin, in vec4s
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;        // (arena rows, queryStride)
@group(0) @binding(2) var<storage, read> K: array<vec4<f32>>;        // (arena rows, keyStride)
@group(0) @binding(3) var<storage, read> V: array<vec4<f32>>;        // (arena rows, queryVectors + 2·keyVectors)
@group(0) @binding(4) var<storage, read> angles: array<vec4<f32>>;   // as common/rotary.wgsl says; unused if nothing is turned
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;  // token, position, first page, key count
@group(0) @binding(6) var<storage, read> rowTable: array<u32>;       // arena row of every row, and its slot
@group(0) @binding(7) var<storage, read_write> Q2: array<vec4<f32>>; // (arena rows, queryVectors)
@group(0) @binding(8) var<storage, read_write> KV: array<KeyValueVector>; // (slots, 2·keyVectors)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  let slotVectors = 2u * params.keyVectors;
  let width = params.queryVectors + slotVectors;
  if (index >= params.rowCount * width) { return; }
  let entry = index / width;
  let row = rowTable[params.firstEntry + entry];
  let isQuery = index % width < params.queryVectors;
  let vector = select(index % width - params.queryVectors, index % width, isQuery);
  let slot = rowTable[params.slotEntry + entry] * slotVectors + vector;
  if (!isQuery && vector >= params.keyVectors) {
    KV[slot] = storedOf(V[row * width + params.queryVectors + vector]);
    return;
  }
  var x: vec4<f32>;
  if (isQuery) { x = Q[row * params.queryStride + vector]; } else { x = K[row * params.keyStride + params.keyOffset + vector]; }
  let part = vector % params.headVectors;
  if (part < params.turnedVectors) { x = turn(x, angleOf(rowInfo[row].y, part)); }
  if (isQuery) { Q2[row * params.queryVectors + vector] = x; } else { KV[slot] = storedOf(x); }
}
