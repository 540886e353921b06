// attention/forward-few-row.wgsl — A[row] = softmax(scale·q·Kᵀ)·V for one head and one query row per workgroup.
// For decoding, where a dispatch has few rows with many keys. 64 keys are scored at once, one per invocation. Then each
// invocation sums some of the head's channels over the same keys.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// Grid: 4·blockCount·H, 1, 1 (folded into y beyond 65,535): rows that a block does not have leave at once.
// Needs: 64 invocations, 1 KiB of workgroup memory and 16·HEAD_VECTORS bytes.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: keys in order of position, in fours from key 0: it depends on the row's position alone.

@group(0) @binding(6) var<storage, read_write> A: array<f32>; // (arena rows, H, D)

const BLOCK_ROWS = 4u;
const THREADS = 64u;
const FOURS = THREADS / 4u;
const HEAD_CHANNELS = 4u * HEAD_VECTORS;
// Channels of an invocation: index, index + THREADS, …
const CHANNELS = (HEAD_CHANNELS + THREADS - 1u) / THREADS;

var<workgroup> query: array<vec4<f32>, HEAD_VECTORS>;
// Invocations write these, so they are not vectors: writing one component of a vector may touch the others.
var<workgroup> scores: array<f32, THREADS>;
var<workgroup> weights: array<f32, THREADS>; // exp(score − maximum after its four)
var<workgroup> keeps: array<f32, FOURS>;     // exp(maximum before the four − maximum after it)

fn slotOf(page: u32, key: u32) -> u32 {
  return pageTable[page + key / PAGE_TOKENS] + key % PAGE_TOKENS;
}

// The largest of `before` and the tile's first `count` scores.
fn maximumAfter(before: f32, count: u32) -> f32 {
  var highest = before;
  for (var i = 0u; i < count; i++) { highest = max(highest, scores[i]); }
  return highest;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  let head = task % params.heads;
  let blockRow = task / params.heads;
  if (blockRow / BLOCK_ROWS >= params.blockCount) { return; }
  let run = blockTable[params.firstEntry + blockRow / BLOCK_ROWS];
  if (blockRow % BLOCK_ROWS >= run.y) { return; }
  let row = run.x + blockRow % BLOCK_ROWS;
  let info = rowInfo[row];
  let keys = select(info.w, info.y + 1u, CAUSAL);
  let own = (row * params.heads + head) * HEAD_VECTORS;
  for (var d = index; d < HEAD_VECTORS; d += THREADS) { query[d] = Q[own + d]; }
  var maximum = MASKED;
  var total = 0.0;
  var sums: array<f32, CHANNELS>;
  workgroupBarrier();

  for (var first = 0u; first < keys; first += THREADS) {
    let key = first + index;
    var score = MASKED;
    if (key < keys) {
      let at = (2u * slotOf(info.z, key) * params.heads + head) * HEAD_VECTORS;
      var sum = 0.0;
      for (var d = 0u; d < HEAD_VECTORS; d++) { sum = dotInto(sum, query[d], KV[at + d]); }
      score = sum * params.scale;
    }
    scores[index] = score;
    workgroupBarrier();

    let before = maximumAfter(maximum, index & ~3u);
    let highest = maximumAfter(maximum, (index & ~3u) + 4u);
    weights[index] = exp(score - highest);
    if (index % 4u == 0u) { keeps[index / 4u] = exp(before - highest); }
    maximum = maximumAfter(maximum, THREADS);
    workgroupBarrier();

    // Invocations without a channel compute the last one again, and do not store it.
    for (var four = 0u; four < min(FOURS, (keys - first + 3u) / 4u); four++) {
      let p = vec4<f32>(
        weights[4u * four], weights[4u * four + 1u], weights[4u * four + 2u], weights[4u * four + 3u]);
      let keep = keeps[four];
      total = fma(total, keep, sumOf(p));
      let inPage = first + 4u * four; // four keys share a page
      let slot = slotOf(info.z, inPage) + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(keys - 1u - inPage));
      let at = ((2u * slot + 1u) * params.heads + head) * HEAD_VECTORS;
      for (var c = 0u; c < CHANNELS; c++) {
        let channel = min(index + c * THREADS, HEAD_CHANNELS - 1u);
        let v = vec4<f32>(KV[at.x + channel / 4u][channel % 4u], KV[at.y + channel / 4u][channel % 4u],
          KV[at.z + channel / 4u][channel % 4u], KV[at.w + channel / 4u][channel % 4u]);
        sums[c] = dotInto(sums[c] * keep, p, v);
      }
    }
    workgroupBarrier();
  }

  for (var c = 0u; c < CHANNELS; c++) {
    let channel = index + c * THREADS;
    if (channel < HEAD_CHANNELS) { A[4u * own + channel] = sums[c] / total; }
  }
}
