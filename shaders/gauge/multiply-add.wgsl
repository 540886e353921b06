// gauge/multiply-add.wgsl — multiplies and adds in registers, to see how much arithmetic in f32 this GPU does.
// params.rounds rounds of 8 vec4 multiply-adds, no two neighbours of which wait for each other · sums, one per invocation.
// Grid: any number of workgroups.  Needs: core limits.
// The factors come from a buffer, so that no compiler knows the result.

struct Params {
  factor: f32, // below 1, so that sums stay finite
  added: f32,
  rounds: u32, // rounds of every invocation
  unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>; // (invocations)

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let factor = vec4<f32>(params.factor);
  let added = vec4<f32>(params.added);
  let begin = vec4<f32>(f32(id.x), 1.0, 2.0, 3.0);
  var a = begin;
  var b = begin + 1.0;
  var c = begin + 2.0;
  var d = begin + 3.0;
  var e = begin + 4.0;
  var f = begin + 5.0;
  var g = begin + 6.0;
  var h = begin + 7.0;
  for (var round = 0u; round < params.rounds; round += 1u) {
    a = fma(a, factor, added);
    b = fma(b, factor, added);
    c = fma(c, factor, added);
    d = fma(d, factor, added);
    e = fma(e, factor, added);
    f = fma(f, factor, added);
    g = fma(g, factor, added);
    h = fma(h, factor, added);
  }
  let sum = a + b + c + d + e + f + g + h;
  if (id.x < arrayLength(&sums)) {
    sums[id.x] = sum.x + sum.y + sum.z + sum.w;
  }
}
