// loss/adjust-logits.wgsl — logits z become scale·z, or cap·tanh(scale·z / cap) if there is a cap; four per invocation, in place.
// logits (rows,V) row-major f32, padded to a multiple of 4. Rows are consecutive.
// Grid: ceil(rowCount·V/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Source: arxiv.org/abs/2408.00118.  Reference: test/reference/adjust-logits.ts.

struct Params {
  rowCount: u32, // rows of this dispatch
  vectors: u32,  // ceil(V/4)
  scale: f32,
  cap: f32,      // 0: none
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<vec4<f32>>; // (rows, V/4)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  var z = params.scale * logits[index];
  if (params.cap > 0.0) {
    // tanh(±15) is ±1 in f32; beyond that it is NaN on some adapters.
    z = params.cap * tanh(clamp(z / params.cap, vec4<f32>(-15.0), vec4<f32>(15.0)));
  }
  logits[index] = z;
}
