// attention/copy-slots.wgsl — copies keys and values between rows of one layer's cache, when a shared page has to be continued.
// A slot is a cache row.  KV (slots, 2, H, D), in f32 or f16: bits are copied. 16 bytes per invocation. No slot may be both read and written in one dispatch.
// Grid: ceil(slotCount·slotVectors/64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.

struct Params {
  firstEntry: u32,  // first pair of this dispatch in slotTable
  slotCount: u32,
  slotVectors: u32, // 16 bytes each: 2·H·D/4 in f32, half as many in f16
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slotTable: array<vec2<u32>>; // (from, to)
@group(0) @binding(2) var<storage, read_write> KV: array<vec4<u32>>;  // (slots, slotVectors)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= params.slotCount * params.slotVectors) { return; }
  let slots = slotTable[params.firstEntry + at / params.slotVectors];
  let vector = at % params.slotVectors;
  KV[slots.y * params.slotVectors + vector] = KV[slots.x * params.slotVectors + vector];
}
