// attention/store-half.wgsl — KV[slot] = X[row], rounded to f16: keys and values that a linear layer or a norm has written, on
// their way into a cache in f16. Where positions are turned, rotary/forward.wgsl stores them.
// X (rows, N) row-major f32 · KV (slots, N), two halves to a word; N is padded to a multiple of 4. Four numbers per invocation.
// Grid: ceil(rowCount·N/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/half.ts.

struct Params {
  firstEntry: u32, // first entry of this dispatch in rowTable
  rowCount: u32,   // rows of this dispatch
  slotEntry: u32,  // first entry of their slots in rowTable
  vectors: u32,    // N/4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> X: array<vec4<f32>>;             // (arena rows, N/4)
@group(0) @binding(2) var<storage, read> rowTable: array<u32>;            // arena row of every row, and its slot
@group(0) @binding(3) var<storage, read_write> KV: array<KeyValueVector>; // (slots, N/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  let entry = index / params.vectors;
  let vector = index % params.vectors;
  let row = rowTable[params.firstEntry + entry];
  KV[rowTable[params.slotEntry + entry] * params.vectors + vector] = storedOf(X[row * params.vectors + vector]);
}
