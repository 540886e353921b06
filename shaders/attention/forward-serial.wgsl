// attention/forward-serial.wgsl — A[row] = softmax(scale·q·Kᵀ)·V for one head and up to 4 query rows per invocation.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// A query block is consecutive rows of ONE sentence, so its rows share every key and value they load.
// For software adapters: a GPU has too few registers for it.
// Grid: ceil(blockCount·H / 32), 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: common/attention-params.wgsl. Values are summed channel by channel, so that a block needs no sums of its own.

@group(0) @binding(6) var<storage, read_write> A: array<vec4<f32>>; // (arena rows, H, D/4)

fn load(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(keyValueOf(KV[at.x]), keyValueOf(KV[at.y]), keyValueOf(KV[at.z]), keyValueOf(KV[at.w]));
}

fn masked(scores: vec4<f32>, key: vec4<u32>, seen: vec2<u32>) -> vec4<f32> {
  return select(vec4<f32>(MASKED), capped(scores), (key >= vec4<u32>(seen.x)) & (key < vec4<u32>(seen.y)));
}

fn storeRow(at: u32, sums: ptr<function, HeadRow>, total: f32) {
  for (var d = 0u; d < HEAD_VECTORS; d++) { A[at + d] = (*sums)[d] / total; }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 32u + id.x;
  if (index >= params.blockCount * params.heads) { return; }
  let run = blockTable[params.firstEntry + index / params.heads];
  let head = index % params.heads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let lane = vec4<u32>(0u, 1u, 2u, 3u);
  let offset = min(lane, vec4<u32>(last));
  let query = ((run.x + offset) * params.heads + head) * HEAD_VECTORS;
  let seen0 = keysSeen(info.y, info.w);
  let seen1 = keysSeen(info.y + offset.y, info.w);
  let seen2 = keysSeen(info.y + offset.z, info.w);
  let seen3 = keysSeen(info.y + offset.w, info.w);
  let keyHeads = params.heads / GROUP;
  let keyStride = 2u * keyHeads * HEAD_VECTORS;
  let base = head / GROUP * HEAD_VECTORS;
  let valueBase = base + keyHeads * HEAD_VECTORS;

  var maximum = vec4<f32>(MASKED);
  var total = vec4<f32>();
  var sums0 = HeadRow(); var sums1 = HeadRow(); var sums2 = HeadRow(); var sums3 = HeadRow();
  // Of each key of a block and each of the four rows: the score, then its exponential.
  var weights = array<vec4<f32>, KEY_BLOCK>();
  // Slots of each four keys of a block, which share a page.
  var slots = array<u32, KEY_BLOCK / 4u>();

  for (var first = seen0.x / KEY_BLOCK * KEY_BLOCK; first < seen3.y; first += KEY_BLOCK) {
    let count = min(KEY_BLOCK, (seen3.y - first + 3u) / 4u * 4u);
    var highest = vec4<f32>(MASKED);
    for (var j = 0u; j < count; j += 4u) {
      let slot = slotOf(info.z, first + j);
      slots[j / 4u] = slot;
      let key = first + j + lane;
      // A key beyond the last one reads the last one, whose weight is then 0.
      let at = base + (slot + min(lane, vec4<u32>(seen3.y - 1u - first - j))) * keyStride;
      var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
      for (var d = 0u; d < HEAD_VECTORS; d++) {
        let k = load(at + d);
        s0 = dots(s0, Q[query.x + d] * params.scale, k);
        s1 = dots(s1, Q[query.y + d] * params.scale, k);
        s2 = dots(s2, Q[query.z + d] * params.scale, k);
        s3 = dots(s3, Q[query.w + d] * params.scale, k);
      }
      s0 = masked(s0, key, seen0); s1 = masked(s1, key, seen1);
      s2 = masked(s2, key, seen2); s3 = masked(s3, key, seen3);
      highest = max(highest, vec4<f32>(maximumOf(s0), maximumOf(s1), maximumOf(s2), maximumOf(s3)));
      weights[j] = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
      weights[j + 1u] = vec4<f32>(s0.y, s1.y, s2.y, s3.y);
      weights[j + 2u] = vec4<f32>(s0.z, s1.z, s2.z, s3.z);
      weights[j + 3u] = vec4<f32>(s0.w, s1.w, s2.w, s3.w);
    }

    var sum = vec4<f32>();
    for (var j = 0u; j < count; j += 16u) {
      var c0 = vec4<f32>(); var c1 = vec4<f32>(); var c2 = vec4<f32>(); var c3 = vec4<f32>();
      for (var i = j; i < min(j + 16u, count); i += 4u) {
        let e0 = exp(weights[i] - highest); weights[i] = e0; c0 += e0;
        let e1 = exp(weights[i + 1u] - highest); weights[i + 1u] = e1; c1 += e1;
        let e2 = exp(weights[i + 2u] - highest); weights[i + 2u] = e2; c2 += e2;
        let e3 = exp(weights[i + 3u] - highest); weights[i + 3u] = e3; c3 += e3;
      }
      sum += (c0 + c1) + (c2 + c3);
    }
    let m0 = mergeOf(maximum.x, highest.x); let m1 = mergeOf(maximum.y, highest.y);
    let m2 = mergeOf(maximum.z, highest.z); let m3 = mergeOf(maximum.w, highest.w);
    maximum = vec4<f32>(m0.maximum, m1.maximum, m2.maximum, m3.maximum);
    total = fma(sum, vec4<f32>(m0.take, m1.take, m2.take, m3.take),
      total * vec4<f32>(m0.keep, m1.keep, m2.keep, m3.keep));

    let end = min(count, seen3.y - first);
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      var o0 = vec4<f32>(); var o1 = vec4<f32>(); var o2 = vec4<f32>(); var o3 = vec4<f32>();
      for (var j = 0u; j < end; j += 4u) {
        var at = valueBase + slots[j / 4u] * keyStride + d;
        for (var i = j; i < min(j + 4u, end); i++) {
          let v = keyValueOf(KV[at]);
          at += keyStride;
          let w = weights[i];
          o0 = fma(vec4<f32>(w.x), v, o0); o1 = fma(vec4<f32>(w.y), v, o1);
          o2 = fma(vec4<f32>(w.z), v, o2); o3 = fma(vec4<f32>(w.w), v, o3);
        }
      }
      sums0[d] = fma(o0, vec4<f32>(m0.take), sums0[d] * m0.keep);
      sums1[d] = fma(o1, vec4<f32>(m1.take), sums1[d] * m1.keep);
      sums2[d] = fma(o2, vec4<f32>(m2.take), sums2[d] * m2.keep);
      sums3[d] = fma(o3, vec4<f32>(m3.take), sums3[d] * m3.keep);
    }
  }

  storeRow(query.x, &sums0, total.x);
  if (last >= 1u) { storeRow(query.y, &sums1, total.y); }
  if (last >= 2u) { storeRow(query.z, &sums2, total.z); }
  if (last >= 3u) { storeRow(query.w, &sums3, total.w); }
}
