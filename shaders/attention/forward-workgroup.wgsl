// attention/forward-workgroup.wgsl — A[row] = softmax(scale·q·Kᵀ)·V for one head and 16 query blocks per workgroup.
// Keys and values pass through workgroup memory, TILE_KEYS at a time. An invocation owns one query row. If a workgroup has blocks of
// several sentences, it works on one sentence after another, and the rows of the others only help to load.
// Shapes, pages and tables: common/attention-inputs.wgsl, after common/attention-params.wgsl.
// Grid: ceil(blockCount/16)·H, 1, 1 (folded into y beyond 65,535).
// Needs: 64 invocations, 32·TILE_KEYS·HEAD_VECTORS bytes of workgroup memory.
// Reference: test/reference/attention.ts attentionForward.
// Reduction order: keys in order of position, in fours from key 0: it depends on the row's position alone.

@group(0) @binding(6) var<storage, read_write> A: array<vec4<f32>>; // (arena rows, H, D/4)

const BLOCKS = 16u;
const BLOCK_ROWS = 4u;
const THREADS = BLOCKS * BLOCK_ROWS;

var<workgroup> keyTile: array<vec4<f32>, TILE_KEYS * HEAD_VECTORS>;
var<workgroup> valueTile: array<vec4<f32>, TILE_KEYS * HEAD_VECTORS>;

// Keys that a row sees: those up to its own position, or all of the sentence.
fn keysOf(info: vec4<u32>) -> u32 {
  return select(info.w, info.y + 1u, CAUSAL);
}

// Loads the keys from `first` on of the sentence with this first page. Places beyond the last key get the last one.
fn loadTile(index: u32, head: u32, page: u32, first: u32, last: u32) {
  for (var at = index; at < TILE_KEYS * HEAD_VECTORS; at += THREADS) {
    let key = min(first + at / HEAD_VECTORS, last);
    let slot = pageTable[page + key / PAGE_TOKENS] + key % PAGE_TOKENS;
    let source = (2u * slot * params.heads + head) * HEAD_VECTORS + at % HEAD_VECTORS;
    keyTile[at] = KV[source];
    valueTile[at] = KV[source + params.heads * HEAD_VECTORS];
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let task = group.y * groups.x + group.x;
  let firstBlock = task / params.heads * BLOCKS;
  if (firstBlock >= params.blockCount) { return; }
  let endBlock = min(firstBlock + BLOCKS, params.blockCount);
  let head = task % params.heads;

  // Invocations without a row compute that of a neighbour, and do not store it.
  let ownBlock = min(firstBlock + index / BLOCK_ROWS, endBlock - 1u);
  let run = blockTable[params.firstEntry + ownBlock];
  let row = run.x + min(index % BLOCK_ROWS, run.y - 1u);
  let keys = keysOf(rowInfo[row]);
  let own = (row * params.heads + head) * HEAD_VECTORS;
  var q: array<vec4<f32>, HEAD_VECTORS>;
  for (var d = 0u; d < HEAD_VECTORS; d++) { q[d] = Q[own + d]; }
  var maximum = MASKED;
  var total = 0.0;
  var sums: array<vec4<f32>, HEAD_VECTORS>;

  // Everything that decides how often a barrier is passed is the same for the whole workgroup.
  var nextEntry = firstBlock;
  for (var entry = firstBlock; entry < endBlock; entry = nextEntry) {
    let page = rowInfo[blockTable[params.firstEntry + entry].x].z;
    var mostKeys = 0u;
    for (nextEntry = entry; nextEntry < endBlock; nextEntry++) {
      let next = blockTable[params.firstEntry + nextEntry];
      let info = rowInfo[next.x + next.y - 1u];
      if (info.z != page) { break; }
      mostKeys = max(mostKeys, keysOf(info));
    }
    let isOwn = ownBlock >= entry && ownBlock < nextEntry;
    for (var first = 0u; first < mostKeys; first += TILE_KEYS) {
      loadTile(index, head, page, first, mostKeys - 1u);
      workgroupBarrier();
      let end = select(first, min(first + TILE_KEYS, keys), isOwn);
      for (var four = first; four < end; four += 4u) {
        let at = (four - first) * HEAD_VECTORS;
        var s = vec4<f32>();
        for (var d = 0u; d < HEAD_VECTORS; d++) {
          s = dots(s, q[d], mat4x4<f32>(keyTile[at + d], keyTile[at + HEAD_VECTORS + d],
            keyTile[at + 2u * HEAD_VECTORS + d], keyTile[at + 3u * HEAD_VECTORS + d]));
        }
        s = select(vec4<f32>(MASKED), s * params.scale, four + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(keys));
        let highest = max(maximum, maximumOf(s));
        let keep = exp(maximum - highest);
        let p = exp(s - highest);
        maximum = highest;
        total = fma(total, keep, sumOf(p));
        for (var d = 0u; d < HEAD_VECTORS; d++) {
          sums[d] = weighted(sums[d] * keep, p, mat4x4<f32>(valueTile[at + d], valueTile[at + HEAD_VECTORS + d],
            valueTile[at + 2u * HEAD_VECTORS + d], valueTile[at + 3u * HEAD_VECTORS + d]));
        }
      }
      workgroupBarrier();
    }
  }

  if (firstBlock + index / BLOCK_ROWS >= endBlock || index % BLOCK_ROWS >= run.y) { return; }
  for (var d = 0u; d < HEAD_VECTORS; d++) { A[own + d] = sums[d] / total; }
}
