// embedding/backward.wgsl — dE[id] += scale · Σ dX over the rows of each bucket, four channels per invocation.
// A bucket is the rows that looked up one id; the host forms them, so that every element of dE has one owner: no atomics.
// Serves tokens, stored (C/4,V,4) in shards, and positions, stored (positions,C): two strides tell them apart.
// Grid: ceil(bucketCount·C/4 / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/embedding-backward.ts embeddingBackward.
// Reduction order: rows in the order of the bucket; then added to what is there.

struct Params {
  firstBucket: u32,    // word of the first bucket in tables
  bucketCount: u32,    // buckets of this dispatch: id, first word of its rows in tables, rows
  channelVectors: u32, // ceil(C/4)
  idStride: u32,       // vec4s between ids in dE
  vectorStride: u32,   // vec4s between vec4s of channels in dE
  scale: f32,          // what the looked-up row was multiplied by
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dX: array<vec4<f32>>;  // (arena rows, C/4), padding zero
@group(0) @binding(2) var<storage, read> tables: array<u32>;    // buckets, and their arena rows
@group(0) @binding(3) var<storage, read_write> dE: array<vec4<f32>>; // id·idStride + vector·vectorStride

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.bucketCount * params.channelVectors) { return; }
  let bucket = params.firstBucket + 3u * (index / params.channelVectors);
  let vector = index % params.channelVectors;
  var sum = vec4<f32>();
  for (var entry = 0u; entry < tables[bucket + 2u]; entry++) {
    sum += dX[tables[tables[bucket + 1u] + entry] * params.channelVectors + vector];
  }
  sum *= params.scale;
  dE[tables[bucket] * params.idStride + vector * params.vectorStride] += sum;
}
