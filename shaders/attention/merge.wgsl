// attention/merge.wgsl — A[row] from the blocks of keys that attention/forward-split.wgsl left, merged in order of position.
// partials (blockCount·4, H, keyBlocks, D/4 + 1) · A (rows,H,D), row-major f32. A workgroup has a row of one head, a lane a channel.
// Tables: as in attention/forward-split.wgsl.
// Grid: blockCount·4·H, 1, 1 (folded into y beyond 65,535).  Needs: core limits, no workgroup memory.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: common/attention-params.wgsl.

@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read> rowInfo: array<vec4<u32>>;    // token, position, first page, key count
@group(0) @binding(3) var<storage, read> blockTable: array<vec2<u32>>; // arena row of the first query, queries (1…4)
@group(0) @binding(4) var<storage, read_write> A: array<f32>;          // (arena rows, H, D)

const BLOCK_ROWS = 4u;
const THREADS = 64u;
const CHANNELS = 4u * HEAD_VECTORS;
const LANE_CHANNELS = (CHANNELS + THREADS - 1u) / THREADS;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  let entry = task / params.heads / BLOCK_ROWS;
  if (entry >= params.blockCount) { return; }
  let run = blockTable[params.firstEntry + entry];
  if (task / params.heads % BLOCK_ROWS >= run.y) { return; }
  let row = run.x + task / params.heads % BLOCK_ROWS;
  let seen = keysSeen(rowInfo[row].y, rowInfo[row].w);
  let blocks = (seen.y + KEY_BLOCK - 1u) / KEY_BLOCK - seen.x / KEY_BLOCK;
  var maximum = MASKED;
  var total = 0.0;
  var sums = array<f32, LANE_CHANNELS>();
  for (var keyBlock = 0u; keyBlock < blocks; keyBlock++) {
    let at = (task * params.keyBlocks + keyBlock) * (CHANNELS + 4u);
    let merge = mergeOf(maximum, partials[at + CHANNELS]);
    maximum = merge.maximum;
    total = fma(partials[at + CHANNELS + 1u], merge.take, total * merge.keep);
    for (var c = 0u; c < LANE_CHANNELS; c++) {
      let channel = min(index + c * THREADS, CHANNELS - 1u);
      sums[c] = fma(partials[at + channel], merge.take, sums[c] * merge.keep);
    }
  }
  for (var c = 0u; c < LANE_CHANNELS; c++) {
    let channel = index + c * THREADS;
    if (channel < CHANNELS) { A[(row * params.heads + task % params.heads) * CHANNELS + channel] = sums[c] / total; }
  }
}
