// attention/forward.wgsl — A[row] = softmax(scale·q·Kᵀ)·V for one head and up to 4 query rows per invocation.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// One pass over the keys, four at a time, with a running maximum and sum: no T×T scores (arxiv.org/abs/1805.02867).
// A query block is consecutive rows of ONE sentence, so its rows share every key and value they load.
// Grid: ceil(blockCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: keys in order of position, in fours from key 0: it depends on the row's position alone.

@group(0) @binding(6) var<storage, read_write> A: array<vec4<f32>>; // (arena rows, H, D/4)

fn load(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(KV[at.x], KV[at.y], KV[at.z], KV[at.w]);
}

fn storeRow(row: u32, head: u32, sums: ptr<function, HeadRow>, total: f32) {
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    A[(row * params.heads + head) * HEAD_VECTORS + d] = (*sums)[d] / total;
  }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  if (index >= params.blockCount * params.heads) { return; }
  let run = blockTable[params.firstEntry + index / params.heads];
  let head = index % params.heads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let rows = run.x + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last));
  let queries = (rows * params.heads + head) * HEAD_VECTORS;
  // Keys of each row: those up to its own position, or all of the sentence.
  let keys = select(vec4<u32>(info.w), info.y + 1u + rows - run.x, vec4<bool>(CAUSAL));
  let keyStride = 2u * params.heads * HEAD_VECTORS;
  let valueOffset = params.heads * HEAD_VECTORS;
  let base = head * HEAD_VECTORS;

  var maximum = vec4<f32>(MASKED);
  var total = vec4<f32>();
  var sums0: HeadRow;
  var sums1: HeadRow;
  var sums2: HeadRow;
  var sums3: HeadRow;

  for (var first = 0u; first < keys.w; first += 4u) {
    let lane = vec4<u32>(0u, 1u, 2u, 3u);
    let key = first + lane;
    // Four keys share a page. A key beyond the last one reads the last one, whose weight is then 0.
    let slot = pageTable[info.z + first / PAGE_TOKENS] + first % PAGE_TOKENS;
    let at = base + (slot + min(lane, vec4<u32>(keys.w - 1u - first))) * keyStride;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = load(at + d);
      s0 = dots(s0, Q[queries.x + d], k);
      s1 = dots(s1, Q[queries.y + d], k);
      s2 = dots(s2, Q[queries.z + d], k);
      s3 = dots(s3, Q[queries.w + d], k);
    }
    s0 = select(vec4<f32>(MASKED), s0 * params.scale, key < vec4<u32>(keys.x));
    s1 = select(vec4<f32>(MASKED), s1 * params.scale, key < vec4<u32>(keys.y));
    s2 = select(vec4<f32>(MASKED), s2 * params.scale, key < vec4<u32>(keys.z));
    s3 = select(vec4<f32>(MASKED), s3 * params.scale, key < vec4<u32>(keys.w));

    let highest = max(maximum, vec4<f32>(maximumOf(s0), maximumOf(s1), maximumOf(s2), maximumOf(s3)));
    let keep = exp(maximum - highest);
    let p0 = exp(s0 - highest.x); let p1 = exp(s1 - highest.y);
    let p2 = exp(s2 - highest.z); let p3 = exp(s3 - highest.w);
    maximum = highest;
    total = fma(total, keep, vec4<f32>(sumOf(p0), sumOf(p1), sumOf(p2), sumOf(p3)));
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let v = load(at + valueOffset + d);
      sums0[d] = weighted(sums0[d] * keep.x, p0, v);
      sums1[d] = weighted(sums1[d] * keep.y, p1, v);
      sums2[d] = weighted(sums2[d] * keep.z, p2, v);
      sums3[d] = weighted(sums3[d] * keep.w, p3, v);
    }
  }

  storeRow(rows.x, head, &sums0, total.x);
  if (last >= 1u) { storeRow(rows.y, head, &sums1, total.y); }
  if (last >= 2u) { storeRow(rows.z, head, &sums2, total.z); }
  if (last >= 3u) { storeRow(rows.w, head, &sums3, total.w); }
}
