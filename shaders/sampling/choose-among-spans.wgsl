// sampling/choose-among-spans.wgsl — the second half of choosing tokens on GPUs: a workgroup per row merges the spans that
// sampling/span-logits.wgsl left. A greedy row is done with that; of others it finds what stays after top-k, top-p and min-p by the
// bits of weights, ten at a time, and draws.
// logits, weights (rows,V) row-major f32 · options (rows,OPTION_WORDS) · counts (slots,V) · partials (rows,spans) · chosen (rows).
// Grid: rowCount, 1, 1 (folded into y beyond 65,535).  Needs: 256 invocations, 9.2 KiB of workgroup memory.
// Loads: neighbouring lanes read neighbouring weights.
// Reference: test/reference/choose-token.ts chooseToken.  Reduction order: that of common/spans.wgsl; masses are whole numbers.
// A row with a logit that is no finite number gets the token NONE.

@group(0) @binding(2) var<storage, read> logits: array<f32>;             // (rows, rowStride)
@group(0) @binding(3) var<storage, read> partials: array<vec4<u32>>;     // (rows, spans): value, token, maximum, sum
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;      // (rows, rowStride): penalised logits, then exp
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;       // (slots, V): times generated | in prompt << 31
@group(0) @binding(6) var<storage, read_write> sampled: array<u32>;      // newest token of each sequence
@group(0) @binding(7) var<storage, read_write> chosen: array<vec2<u32>>; // (rows): token, bits of its log-probability

const LANES = 256u;
const BUCKETS = 1024u;
const GROUP = 32u; // buckets that are added up first
const GROUPS = BUCKETS / GROUP;

// Numbers or masses of weights, by a part of their bits or by their place.
var<workgroup> low: array<atomic<u32>, BUCKETS>;
var<workgroup> high: array<atomic<u32>, BUCKETS>;
var<workgroup> groupSums: array<Wide, GROUPS>;
var<workgroup> laneCounts: array<u32, LANES>;
var<workgroup> found: vec4<u32>; // a bucket, what is missing of it (two words), and whether there is one
var<workgroup> merged: vec4<u32>; // highest, its token, highest plain logit, log of the sum

fn clear(lane: u32) {
  for (var i = lane; i < BUCKETS; i += LANES) {
    atomicStore(&low[i], 0u);
    atomicStore(&high[i], 0u);
  }
  workgroupBarrier();
}

fn addTo(bucket: u32, amount: Wide) {
  let before = atomicAdd(&low[bucket], amount.x);
  let carry = select(0u, 1u, before + amount.x < before);
  if (amount.y + carry > 0u) { atomicAdd(&high[bucket], amount.y + carry); }
}

fn bucketAt(bucket: u32) -> Wide {
  return Wide(atomicLoad(&low[bucket]), atomicLoad(&high[bucket]));
}

// What is looked for among all that the buckets hold: the amount itself, a share of the total, or a random part of it.
const AMOUNT = 0u;
const SHARE = 1u;
const PART = 2u;

// Walks the buckets, from the last one or from the first, until what is looked for is reached. The result is `found`.
fn find(lane: u32, kind: u32, amount: Wide, fromLast: bool) -> vec4<u32> {
  workgroupBarrier();
  if (lane < GROUPS) {
    var sum = Wide();
    for (var i = 0u; i < GROUP; i++) { sum = addWide(sum, bucketAt(lane * GROUP + i)); }
    groupSums[lane] = sum;
  }
  workgroupBarrier();
  if (lane == 0u) {
    var missing = amount;
    var total = Wide();
    for (var i = 0u; i < GROUPS; i++) { total = addWide(total, groupSums[i]); }
    if (kind == SHARE) { missing = goalOf(total, bitcast<f32>(amount.x)); }
    // The first token beyond a part of the mass is the one that reaches a unit more.
    if (kind == PART) { missing = addWide(partOf(total, amount.x), Wide(1u, 0u)); }
    found = vec4<u32>();
    if (!isLess(total, missing)) {
      var i = 0u;
      while (i < GROUPS - 1u && isLess(groupSums[placeOf(i, GROUPS, fromLast)], missing)) {
        missing = subtractWide(missing, groupSums[placeOf(i, GROUPS, fromLast)]);
        i += 1u;
      }
      let first = placeOf(i, GROUPS, fromLast) * GROUP;
      i = 0u;
      while (i < GROUP - 1u && isLess(bucketAt(first + placeOf(i, GROUP, fromLast)), missing)) {
        missing = subtractWide(missing, bucketAt(first + placeOf(i, GROUP, fromLast)));
        i += 1u;
      }
      found = vec4<u32>(first + placeOf(i, GROUP, fromLast), missing, 1u);
    }
  }
  return workgroupUniformLoad(&found);
}

fn placeOf(index: u32, count: u32, fromLast: bool) -> u32 {
  return select(index, count - 1u - index, fromLast);
}

// Keeps the largest weights that `kept` has left: `most` of them, or if that is 0 the fewest whose mass is `share` of all.
fn keepLargest(lane: u32, start: u32, kept: Kept, most: u32, share: f32) -> Kept {
  var bits = 0u; // of the last weight that stays, ten more with every level
  var missing = Wide(select(most, bitcast<u32>(share), most == 0u), 0u);
  for (var level = 0u; level < 3u; level++) {
    let shift = 20u - 10u * level;
    clear(lane);
    for (var v = lane; v < params.vocabulary; v += LANES) {
      let weight = weights[start + v];
      let own = bitcast<u32>(weight);
      if (!isKept(own, v, kept) || (level > 0u && own >> (shift + 10u) != bits)) { continue; }
      let bucket = (own >> shift) & (BUCKETS - 1u);
      if (most > 0u) { atomicAdd(&low[bucket], 1u); } else { addTo(bucket, massOf(weight)); }
    }
    let result = find(lane, select(AMOUNT, SHARE, level == 0u && most == 0u), missing, true);
    if (result.w == 0u) { return kept; }
    bits = (bits << 10u) | result.x;
    missing = result.yz;
  }
  var left = missing.x;
  if (most == 0u) { left = countFor(missing, bits); }
  return Kept(bits, endOf(lane, start, kept, bits, left));
}

// The end of the first `count` tokens that `kept` has with exactly these bits. Every lane has a run of consecutive tokens.
fn endOf(lane: u32, start: u32, kept: Kept, bits: u32, count: u32) -> u32 {
  let length = (params.vocabulary + LANES - 1u) / LANES;
  let first = lane * length;
  let end = min(first + length, params.vocabulary);
  var own = 0u;
  for (var v = first; v < end; v++) {
    if (bitcast<u32>(weights[start + v]) == bits && isKept(bits, v, kept)) { own += 1u; }
  }
  laneCounts[lane] = own;
  workgroupBarrier();
  var before = 0u;
  for (var i = 0u; i < lane; i++) { before += laneCounts[i]; }
  if (before < count && count <= before + own) {
    for (var v = first; v < end && before < count; v++) {
      if (bitcast<u32>(weights[start + v]) == bits && isKept(bits, v, kept)) { before += 1u; }
      found.x = v + 1u;
    }
  }
  return workgroupUniformLoad(&found).x;
}

// The first token whose mass, with those of all before it, exceeds a random part of the whole: first its span, then the token.
fn draw(lane: u32, start: u32, kept: Kept, random: u32) -> u32 {
  clear(lane);
  // Lanes share a span in groups, which add what they have found all at once.
  for (var span = lane / GROUP; span < spanCount(); span += LANES / GROUP) {
    var mass = Wide();
    for (var v = span * SPAN + lane % GROUP; v < min((span + 1u) * SPAN, params.vocabulary); v += GROUP) {
      let weight = weights[start + v];
      if (isKept(bitcast<u32>(weight), v, kept)) { mass = addWide(mass, massOf(weight)); }
    }
    addTo(span, mass);
  }
  let span = find(lane, PART, Wide(random, 0u), false);
  clear(lane);
  for (var i = lane; i < SPAN; i += LANES) {
    let v = span.x * SPAN + i;
    if (v >= params.vocabulary) { break; }
    let weight = weights[start + v];
    if (isKept(bitcast<u32>(weight), v, kept)) { addTo(i, massOf(weight)); }
  }
  return span.x * SPAN + find(lane, AMOUNT, span.yz, false).x;
}

// The likeliest token and the log of the sum, from those of all spans. Called by the first lane.
fn merge(row: u32) -> vec4<u32> {
  let first = row * spanCount();
  var token = 0u;
  var highest = LOWEST;
  var highestRaw = LOWEST;
  var isWrong = false;
  for (var i = 0u; i < spanCount(); i++) {
    let own = partials[first + i];
    isWrong |= own.y == NONE;
    highestRaw = max(highestRaw, bitcast<f32>(own.z));
    if (bitcast<f32>(own.x) > highest) { highest = bitcast<f32>(own.x); token = own.y; }
  }
  var sumRaw = 1.0;
  if (optionAt(row, 13u) != 0u) {
    sumRaw = 0.0;
    for (var i = 0u; i < spanCount(); i++) {
      let own = partials[first + i];
      sumRaw = mergeSpan(sumRaw, bitcast<f32>(own.w), bitcast<f32>(own.z), highestRaw);
    }
  }
  return vec4<u32>(
    bitcast<u32>(highest), select(token, NONE, isWrong), bitcast<u32>(highestRaw), bitcast<u32>(log(sumRaw)));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rowCount) { return; }
  let start = row * params.rowStride;
  if (lane == 0u) { merged = merge(row); }
  let best = workgroupUniformLoad(&merged);
  var token = best.y;
  let highest = bitcast<f32>(best.x);
  let temperature = realAt(row, 3u);
  if (temperature > 0.0 && token != NONE) {
    for (var v = lane; v < params.vocabulary; v += LANES) {
      weights[start + v] = weightOf(weights[start + v], highest, temperature);
    }
    storageBarrier();
    var kept = ALL;
    let most = optionAt(row, 4u);
    if (most > 0u && most < params.vocabulary) { kept = keepLargest(lane, start, kept, most, 1.0); }
    let share = realAt(row, 5u);
    if (share < 1.0) { kept = keepLargest(lane, start, kept, 0u, share); }
    // Of what is smaller than the least weight, nothing stays.
    let least = optionAt(row, 6u);
    if (least > kept.bits) { kept = Kept(least, NONE); }
    token = draw(lane, start, kept, randomBits(optionAt(row, 10u), optionAt(row, 11u), optionAt(row, 12u)));
  }

  if (lane > 0u) { return; }
  if (token == NONE) {
    sampled[optionAt(row, 0u)] = 0u;
    chosen[row] = vec2<u32>(NONE, 0u);
    return;
  }
  sampled[optionAt(row, 0u)] = token;
  let countSlot = optionAt(row, 1u);
  if (countSlot != NONE) { counts[countSlot * params.vocabulary + token] += 1u; }
  chosen[row] = vec2<u32>(token, bitcast<u32>(logits[start + token] - bitcast<f32>(best.z) - bitcast<f32>(best.w)));
}
