// gauge/read.wgsl — adds up a buffer, to see how fast this GPU reads memory.
// words, read once from its beginning to its end; neighbouring invocations read neighbouring vectors · sums, one per invocation.
// Grid: any number of workgroups.  Needs: core limits.
// Sums are only there so that nothing is left out: no result depends on them.

@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>; // (invocations)

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let stride = groups.x * 256u;
  let count = arrayLength(&words);
  // Four at a time, so that reads do not wait for each other.
  var first = vec4<u32>(0u);
  var second = vec4<u32>(0u);
  var third = vec4<u32>(0u);
  var fourth = vec4<u32>(0u);
  // The buffer holds a multiple of 4 · stride vectors.
  for (var at = id.x; at < count; at += 4u * stride) {
    first += words[at];
    second += words[at + stride];
    third += words[at + 2u * stride];
    fourth += words[at + 3u * stride];
  }
  let sum = first + second + third + fourth;
  if (id.x < arrayLength(&sums)) {
    sums[id.x] = sum.x + sum.y + sum.z + sum.w;
  }
}
