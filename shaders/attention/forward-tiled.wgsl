// attention/forward-tiled.wgsl — A[row] = softmax(scale·q·Kᵀ)·V for BLOCKS query blocks and HEADS heads that share their keys.
// A workgroup has a tile of 32 rows, each a query row of one head. Keys, then values of KEY_BLOCK tokens pass through workgroup
// memory; scores stay there. If the blocks are of several sentences, it works on one sentence after another.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// Grid: ceil(blockCount/BLOCKS)·H/HEADS, 1, 1 (folded into y beyond 65,535).
// Needs: THREADS invocations, 16 KiB of workgroup memory.  Loads: four neighbouring lanes read 64 consecutive bytes of a key, and
// HEAD_VECTORS lanes all of a value.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: common/attention-params.wgsl.

@group(0) @binding(6) var<storage, read_write> A: array<vec4<f32>>; // (arena rows, H, D/4)

const TILE_ROWS = 32u;
const BLOCK_ROWS = 4u;
const DEPTH = 4u;              // vec4s of queries and keys that are staged together
const COLUMNS = KEY_BLOCK / 4u; // vec4s of scores in a row
const PIECES = 4u;             // of 16 keys each, whose exponentials are added together
const STAGE = DEPTH * (TILE_ROWS + KEY_BLOCK);

// Scores: an invocation has SCORE_ROWS rows and four keys.
const SCORE_ROWS = TILE_ROWS * COLUMNS / THREADS;
// Values: an invocation has VALUE_ROWS rows and four channels.
const VALUE_LANES = THREADS / HEAD_VECTORS;
const VALUE_ROWS = (TILE_ROWS + VALUE_LANES - 1u) / VALUE_LANES;

var<workgroup> stage: array<vec4<f32>, STAGE>;
var<workgroup> scores: array<vec4<f32>, TILE_ROWS * COLUMNS>;
var<workgroup> rows: array<vec4<u32>, TILE_ROWS>; // where the query begins, first page, the keys it sees: first, end
var<workgroup> pieceMaximum: array<f32, TILE_ROWS * PIECES>;
var<workgroup> pieceSum: array<f32, TILE_ROWS * PIECES>;
var<workgroup> keeps: array<f32, TILE_ROWS>;
var<workgroup> takes: array<f32, TILE_ROWS>;

fn maximumOfBlock(row: u32) -> f32 {
  let at = row * PIECES;
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
  let firstBlock = task / headGroups * BLOCKS;
  if (firstBlock >= params.blockCount) { return; }
  let endBlock = min(firstBlock + BLOCKS, params.blockCount);
  let firstHead = task % headGroups * HEADS;
  let keyHeads = params.heads / GROUP;
  let keyStride = 2u * keyHeads * HEAD_VECTORS;
  let keyBase = firstHead / GROUP * HEAD_VECTORS;
  let valueBase = keyBase + keyHeads * HEAD_VECTORS;

  // Row r of the tile is a head of a query row; rows without a query repeat another, and are not stored.
  if (index < TILE_ROWS) {
    let run = blockTable[params.firstEntry + min(firstBlock + index / HEADS / BLOCK_ROWS, endBlock - 1u)];
    let row = run.x + min(index / HEADS % BLOCK_ROWS, run.y - 1u);
    let info = rowInfo[row];
    let seen = keysSeen(info.y, info.w);
    rows[index] = vec4<u32>((row * params.heads + firstHead + index % HEADS) * HEAD_VECTORS, info.z, seen.x, seen.y);
  }
  var maximum = MASKED; // of row `index`, as its total
  var total = 0.0;
  var sums = array<vec4<f32>, VALUE_ROWS>();
  let scoreColumn = index % COLUMNS;
  let scoreRow = index / COLUMNS * SCORE_ROWS;
  let channel = index % HEAD_VECTORS;
  let valueRow = index / HEAD_VECTORS * VALUE_ROWS;

  // Everything that decides how often a barrier is passed is the same for the whole workgroup.
  var nextEntry = firstBlock;
  for (var entry = firstBlock; entry < endBlock; entry = nextEntry) {
    let page = rowInfo[blockTable[params.firstEntry + entry].x].z;
    var start = 0xffffffffu;
    var end = 0u;
    for (nextEntry = entry; nextEntry < endBlock; nextEntry++) {
      let next = blockTable[params.firstEntry + nextEntry];
      let info = rowInfo[next.x];
      if (info.z != page) { break; }
      start = min(start, keysSeen(info.y, info.w).x);
      end = max(end, keysSeen(info.y + next.y - 1u, info.w).y);
    }

    for (var first = start / KEY_BLOCK * KEY_BLOCK; first < end; first += KEY_BLOCK) {
      var s = array<vec4<f32>, SCORE_ROWS>();
      for (var c = 0u; c < HEAD_VECTORS; c += DEPTH) {
        workgroupBarrier();
        for (var at = index; at < TILE_ROWS * DEPTH; at += THREADS) {
          let d = c + at % DEPTH;
          stage[at] = select(
            vec4<f32>(), Q[rows[at / DEPTH].x + min(d, HEAD_VECTORS - 1u)] * params.scale, d < HEAD_VECTORS);
        }
        for (var at = index; at < KEY_BLOCK * DEPTH; at += THREADS) {
          let key = at / DEPTH;
          let d = min(c + at % DEPTH, HEAD_VECTORS - 1u);
          stage[TILE_ROWS * DEPTH + at % DEPTH * KEY_BLOCK + key % 4u * COLUMNS + key / 4u] =
            keyValueOf(KV[keyBase + slotOf(page, min(first + key, end - 1u)) * keyStride + d]);
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
          let at = TILE_ROWS * DEPTH + d * KEY_BLOCK + scoreColumn;
          let k = mat4x4<f32>(stage[at], stage[at + COLUMNS], stage[at + 2u * COLUMNS], stage[at + 3u * COLUMNS]);
          for (var r = 0u; r < SCORE_ROWS; r++) { s[r] = dots(s[r], stage[(scoreRow + r) * DEPTH + d], k); }
        }
      }
      let key = first + 4u * scoreColumn + vec4<u32>(0u, 1u, 2u, 3u);
      for (var r = 0u; r < SCORE_ROWS; r++) {
        let own = rows[scoreRow + r];
        let isSeen = (key >= vec4<u32>(own.z)) & (key < vec4<u32>(own.w)) & vec4<bool>(own.y == page);
        scores[(scoreRow + r) * COLUMNS + scoreColumn] = select(vec4<f32>(MASKED), capped(s[r]), isSeen);
      }
      workgroupBarrier();

      for (var piece = index; piece < TILE_ROWS * PIECES; piece += THREADS) {
        let at = piece * PIECES;
        pieceMaximum[piece] =
          maximumOf(max(max(scores[at], scores[at + 1u]), max(scores[at + 2u], scores[at + 3u])));
      }
      workgroupBarrier();
      for (var piece = index; piece < TILE_ROWS * PIECES; piece += THREADS) {
        let highest = maximumOfBlock(piece / PIECES);
        var sum = vec4<f32>();
        for (var at = piece * PIECES; at < (piece + 1u) * PIECES; at++) {
          let p = exp(scores[at] - highest);
          scores[at] = p;
          sum += p;
        }
        pieceSum[piece] = sumOf(sum);
      }
      workgroupBarrier();
      if (index < TILE_ROWS) {
        let merge = mergeOf(maximum, maximumOfBlock(index));
        var sum = 0.0;
        for (var piece = 0u; piece < PIECES; piece++) { sum += pieceSum[index * PIECES + piece]; }
        maximum = merge.maximum;
        total = fma(sum, merge.take, total * merge.keep);
        keeps[index] = merge.keep;
        takes[index] = merge.take;
      }

      var o = array<vec4<f32>, VALUE_ROWS>();
      for (var f = 0u; f < min(KEY_BLOCK, end - first); f += VALUE_KEYS) {
        workgroupBarrier();
        for (var at = index; at < VALUE_KEYS * HEAD_VECTORS; at += THREADS) {
          let slot = slotOf(page, min(first + f + at / HEAD_VECTORS, end - 1u));
          stage[at] = keyValueOf(KV[valueBase + slot * keyStride + at % HEAD_VECTORS]);
        }
        workgroupBarrier();
        for (var j = 0u; j < VALUE_KEYS; j += 4u) {
          let at = j * HEAD_VECTORS + channel;
          let v = mat4x4<f32>(
            stage[at], stage[at + HEAD_VECTORS], stage[at + 2u * HEAD_VECTORS], stage[at + 3u * HEAD_VECTORS]);
          for (var r = 0u; r < VALUE_ROWS; r++) {
            let row = min(valueRow + r, TILE_ROWS - 1u);
            o[r] = weighted(o[r], scores[row * COLUMNS + (f + j) / 4u], v);
          }
        }
      }
      for (var r = 0u; r < VALUE_ROWS; r++) {
        let row = min(valueRow + r, TILE_ROWS - 1u);
        sums[r] = fma(o[r], vec4<f32>(takes[row]), sums[r] * keeps[row]);
      }
    }
  }

  workgroupBarrier();
  if (index < TILE_ROWS) { keeps[index] = total; }
  workgroupBarrier();
  for (var r = 0u; r < VALUE_ROWS; r++) {
    let row = valueRow + r;
    let ownBlock = firstBlock + row / HEADS / BLOCK_ROWS;
    if (row >= TILE_ROWS || index >= VALUE_LANES * HEAD_VECTORS || ownBlock >= endBlock) { continue; }
    if (row >= BLOCKS * BLOCK_ROWS * HEADS) { continue; }
    if (row / HEADS % BLOCK_ROWS >= blockTable[params.firstEntry + ownBlock].y) { continue; }
    A[rows[row].x + channel] = sums[r] / keeps[row];
  }
}
