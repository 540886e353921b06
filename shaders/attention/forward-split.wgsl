// attention/forward-split.wgsl — maximum, sum and weighted values of ONE block of keys, for one row and HEADS heads per workgroup.
// For decoding, where a dispatch has few rows: each has as many workgroups as it has blocks of keys.
// attention/merge.wgsl merges the blocks.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// Grid: blockCount·4·H/HEADS·keyBlocks, 1, 1 (folded into y beyond 65,535); workgroups without a row or key return at once.
// Needs: 64 invocations, (16·HEAD_VECTORS + 288)·HEADS bytes of workgroup memory.  Loads: of keys, a lane has a row of 16·HEAD_VECTORS
// bytes; of values, neighbouring lanes read neighbouring channels.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: common/attention-params.wgsl.

// (blockCount·4, H, keyBlocks, HEAD_VECTORS + 1): weighted values, then maximum and sum
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;

const BLOCK_ROWS = 4u;
const THREADS = 64u;
const CHANNELS = 4u * HEAD_VECTORS;
const LANE_CHANNELS = (CHANNELS + THREADS - 1u) / THREADS;
const PIECES = 4u; // of 16 keys each, whose exponentials are added together

var<workgroup> query: array<vec4<f32>, HEADS * HEAD_VECTORS>;
var<workgroup> scores: array<f32, HEADS * KEY_BLOCK>;
var<workgroup> pieceMaximum: array<f32, HEADS * PIECES>;
var<workgroup> pieceSum: array<f32, HEADS * PIECES>;

fn fourScores(at: u32) -> vec4<f32> {
  return vec4<f32>(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
}

fn maximumOfBlock(head: u32) -> f32 {
  let at = head * PIECES;
  return max(max(pieceMaximum[at], pieceMaximum[at + 1u]), max(pieceMaximum[at + 2u], pieceMaximum[at + 3u]));
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  let headGroups = params.heads / HEADS;
  let own = task / params.keyBlocks;
  let entry = own / headGroups / BLOCK_ROWS;
  if (entry >= params.blockCount) { return; }
  let run = blockTable[params.firstEntry + entry];
  if (own / headGroups % BLOCK_ROWS >= run.y) { return; }
  let row = run.x + own / headGroups % BLOCK_ROWS;
  let info = rowInfo[row];
  let seen = keysSeen(info.y, info.w);
  let keyBlock = task % params.keyBlocks;
  let first = (seen.x / KEY_BLOCK + keyBlock) * KEY_BLOCK;
  if (first >= seen.y) { return; }
  let firstHead = own % headGroups * HEADS;
  let keyHeads = params.heads / GROUP;
  let keyStride = 2u * keyHeads * HEAD_VECTORS;
  let keyBase = firstHead / GROUP * HEAD_VECTORS;
  let valueBase = keyBase + keyHeads * HEAD_VECTORS;

  for (var at = index; at < HEADS * HEAD_VECTORS; at += THREADS) {
    query[at] = Q[(row * params.heads + firstHead) * HEAD_VECTORS + at] * params.scale;
  }
  workgroupBarrier();

  // A lane scores one key for all heads.
  {
    let at = keyBase + slotOf(info.z, min(first + index, seen.y - 1u)) * keyStride;
    var s = array<f32, HEADS>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = keyValueOf(KV[at + d]);
      for (var head = 0u; head < HEADS; head++) { s[head] = dotInto(s[head], query[head * HEAD_VECTORS + d], k); }
    }
    let isSeen = first + index >= seen.x && first + index < seen.y;
    for (var head = 0u; head < HEADS; head++) {
      scores[head * KEY_BLOCK + index] = select(MASKED, capped(vec4<f32>(s[head])).x, isSeen);
    }
  }
  workgroupBarrier();
  if (index < HEADS * PIECES) {
    let at = index * 16u;
    pieceMaximum[index] = maximumOf(max(max(fourScores(at), fourScores(at + 4u)), max(fourScores(at + 8u), fourScores(at + 12u))));
  }
  workgroupBarrier();
  for (var head = 0u; head < HEADS; head++) {
    let at = head * KEY_BLOCK + index;
    scores[at] = exp(scores[at] - maximumOfBlock(head));
  }
  workgroupBarrier();
  if (index < HEADS * PIECES) {
    var sum = vec4<f32>();
    for (var at = index * 16u; at < (index + 1u) * 16u; at += 4u) { sum += fourScores(at); }
    pieceSum[index] = sumOf(sum);
  }

  var sums = array<f32, HEADS * LANE_CHANNELS>();
  let count = min(KEY_BLOCK, seen.y - first);
  for (var key = 0u; key < count; key++) {
    let slot = valueBase + slotOf(info.z, first + key) * keyStride;
    for (var c = 0u; c < LANE_CHANNELS; c++) {
      let channel = min(index + c * THREADS, CHANNELS - 1u);
      let v = keyValueComponent(KV[slot + channel / 4u], channel % 4u);
      for (var head = 0u; head < HEADS; head++) {
        sums[head * LANE_CHANNELS + c] = fma(scores[head * KEY_BLOCK + key], v, sums[head * LANE_CHANNELS + c]);
      }
    }
  }
  workgroupBarrier();
  let firstRow = own / headGroups * params.heads + firstHead;
  for (var head = 0u; head < HEADS; head++) {
    let at = ((firstRow + head) * params.keyBlocks + keyBlock) * (CHANNELS + 4u);
    for (var c = 0u; c < LANE_CHANNELS; c++) {
      let channel = index + c * THREADS;
      if (channel < CHANNELS) { partials[at + channel] = sums[head * LANE_CHANNELS + c]; }
    }
    if (index == 0u) {
      var sum = 0.0;
      for (var piece = 0u; piece < PIECES; piece++) { sum += pieceSum[head * PIECES + piece]; }
      partials[at + CHANNELS] = maximumOfBlock(head);
      partials[at + CHANNELS + 1u] = sum;
    }
  }
}
