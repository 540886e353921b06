// attention/backward-query-workgroup.wgsl — as attention/backward-query.wgsl, with the same bits, for GPUs: a block of up to 4 query
// rows of one head per workgroup. A lane has a key while scores and their gradients are formed, then channels of dQ.
// Shapes, tables and formulas: attention/backward-query.wgsl.  Params: common/attention-params.wgsl.
// Grid: blockCount·H, 1, 1 (folded into y beyond 65,535).
// Needs: 64 invocations, 128·HEAD_VECTORS + 1,184 bytes of workgroup memory.  Loads: of keys and values, a lane has a row; of keys
// for dQ, neighbouring lanes read neighbouring channels.
// Reference: test/reference/attention-backward.ts attentionBackward.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<vec4<f32>>;          // (arena rows, 2, H/GROUP, D/4)
@group(0) @binding(3) var<storage, read> A: array<vec4<f32>>;           // (arena rows, H, D/4)
@group(0) @binding(4) var<storage, read> dA: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(5) var<storage, read> rowInfo: array<vec4<u32>>;     // token, position, first page, key count
@group(0) @binding(6) var<storage, read> blockTable: array<vec2<u32>>;  // arena row of the first query, queries (1…4)
@group(0) @binding(7) var<storage, read_write> dQ: array<f32>;          // (arena rows, H, D)
@group(0) @binding(8) var<storage, read_write> stats: array<vec2<f32>>; // (arena rows, H): log-sum-exp, δ

const ROWS = 4u;
const THREADS = 64u; // one per key of a block
const CHANNELS = 4u * HEAD_VECTORS;
const LANE_CHANNELS = (CHANNELS + THREADS - 1u) / THREADS;
const PIECES = 4u;

var<workgroup> query: array<vec4<f32>, ROWS * HEAD_VECTORS>; // times the scale
var<workgroup> gradient: array<vec4<f32>, ROWS * HEAD_VECTORS>;
var<workgroup> scores: array<f32, ROWS * KEY_BLOCK>;
var<workgroup> pieceMaximum: array<f32, ROWS * PIECES>;
var<workgroup> pieceSum: array<f32, ROWS * PIECES>;
var<workgroup> rowStats: array<vec2<f32>, ROWS>;

fn fourScores(at: u32) -> vec4<f32> {
  return vec4<f32>(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
}

fn maximumOfBlock(row: u32) -> f32 {
  let at = row * PIECES;
  return max(max(pieceMaximum[at], pieceMaximum[at + 1u]), max(pieceMaximum[at + 2u], pieceMaximum[at + 3u]));
}

// A score, unless the row does not see the key.
fn masked(score: f32, key: u32, seen: vec2<u32>) -> f32 {
  return select(MASKED, capped(vec4<f32>(score)).x, key >= seen.x && key < seen.y);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  if (task >= params.blockCount * params.heads) { return; }
  let run = blockTable[params.firstEntry + task / params.heads];
  let head = task % params.heads;
  let info = rowInfo[run.x];
  let last = run.y - 1u; // rows beyond the block repeat its last one, and are not stored
  let keyHeads = params.heads / GROUP;
  let keyStride = 2u * keyHeads * HEAD_VECTORS;
  let valueOffset = keyHeads * HEAD_VECTORS;
  // Rows of a sentence follow one another in the arena.
  let base = (run.x - info.y) * keyStride + head / GROUP * HEAD_VECTORS;
  let firstBlock = keysSeen(info.y, info.w).x / KEY_BLOCK * KEY_BLOCK;
  let end = keysSeen(info.y + last, info.w).y;

  for (var at = index; at < ROWS * HEAD_VECTORS; at += THREADS) {
    let origin = ((run.x + min(at / HEAD_VECTORS, last)) * params.heads + head) * HEAD_VECTORS + at % HEAD_VECTORS;
    query[at] = Q[origin] * params.scale;
    gradient[at] = dA[origin];
  }
  var maximum = MASKED; // of row `index`, as what follows
  var total = 0.0;
  var delta = 0.0;
  let ownRow = run.x + min(index, last);
  if (index < ROWS) {
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let at = (ownRow * params.heads + head) * HEAD_VECTORS + d;
      delta = dotInto(delta, dA[at], A[at]);
    }
  }

  for (var first = firstBlock; first < end; first += KEY_BLOCK) {
    workgroupBarrier();
    let key = first + index;
    let at = base + min(key, end - 1u) * keyStride;
    var s = array<f32, ROWS>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = KV[at + d];
      for (var r = 0u; r < ROWS; r++) { s[r] = dotInto(s[r], query[r * HEAD_VECTORS + d], k); }
    }
    for (var r = 0u; r < ROWS; r++) {
      scores[r * KEY_BLOCK + index] = masked(s[r], key, keysSeen(info.y + min(r, last), info.w));
    }
    workgroupBarrier();
    if (index < ROWS * PIECES) {
      let piece = index * 16u;
      pieceMaximum[index] = maximumOf(max(
        max(fourScores(piece), fourScores(piece + 4u)), max(fourScores(piece + 8u), fourScores(piece + 12u))));
    }
    workgroupBarrier();
    if (index < ROWS * PIECES) {
      let highest = maximumOfBlock(index / PIECES);
      var sum = vec4<f32>();
      for (var i = index * 16u; i < (index + 1u) * 16u; i += 4u) { sum += exp(fourScores(i) - highest); }
      pieceSum[index] = sumOf(sum);
    }
    workgroupBarrier();
    if (index < ROWS) {
      let merge = mergeOf(maximum, maximumOfBlock(index));
      var sum = 0.0;
      for (var piece = 0u; piece < PIECES; piece++) { sum += pieceSum[index * PIECES + piece]; }
      maximum = merge.maximum;
      total = fma(sum, merge.take, total * merge.keep);
    }
  }
  if (index < ROWS) { rowStats[index] = vec2<f32>(maximum + log(total), delta); }

  var sums = array<f32, ROWS * LANE_CHANNELS>();
  for (var first = firstBlock; first < end; first += KEY_BLOCK) {
    workgroupBarrier();
    let key = first + index;
    let at = base + min(key, end - 1u) * keyStride;
    var s = array<f32, ROWS>();
    var g = array<f32, ROWS>();
    for (var d = 0u; d < HEAD_VECTORS; d++) {
      let k = KV[at + d];
      let v = KV[at + valueOffset + d];
      for (var r = 0u; r < ROWS; r++) {
        s[r] = dotInto(s[r], query[r * HEAD_VECTORS + d], k);
        g[r] = dotInto(g[r], gradient[r * HEAD_VECTORS + d], v);
      }
    }
    for (var r = 0u; r < ROWS; r++) {
      let own = masked(s[r], key, keysSeen(info.y + min(r, last), info.w));
      let stat = rowStats[r];
      scores[r * KEY_BLOCK + index] =
        exp(own - stat.x) * (g[r] - stat.y) * params.scale * capDerivative(vec4<f32>(own)).x;
    }
    workgroupBarrier();
    for (var j = 0u; j < min(KEY_BLOCK, end - first); j++) {
      for (var c = 0u; c < LANE_CHANNELS; c++) {
        let channel = min(index + c * THREADS, CHANNELS - 1u);
        let k = KV[base + (first + j) * keyStride + channel / 4u][channel % 4u];
        for (var r = 0u; r < ROWS; r++) {
          sums[r * LANE_CHANNELS + c] = fma(scores[r * KEY_BLOCK + j], k, sums[r * LANE_CHANNELS + c]);
        }
      }
    }
  }

  for (var r = 0u; r <= last; r++) {
    for (var c = 0u; c < LANE_CHANNELS; c++) {
      let channel = index + c * THREADS;
      if (channel < CHANNELS) {
        dQ[((run.x + r) * params.heads + head) * CHANNELS + channel] = sums[r * LANE_CHANNELS + c];
      }
    }
  }
  if (index <= last) { stats[ownRow * params.heads + head] = rowStats[index]; }
}
