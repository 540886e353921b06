// sampling/choose-token.wgsl — one token per row of logits: greedy, or drawn after penalties, temperature and filters. A row per
// invocation, for software adapters: sampling/span-logits.wgsl and sampling/choose-among-spans.wgsl choose the same on GPUs.
// logits, weights (rows,V) row-major f32 · options (rows,OPTION_WORDS) · counts, bias (slots,V) · chosen (rows).
// Grid: ceil(rowCount/4), 1, 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/choose-token.ts chooseToken.
// Order: bias, repetition, frequency and presence penalty, temperature, top-k, top-p, min-p, draw. The log-probability's sum is
// in the order of common/spans.wgsl.
// A row with a logit that is no finite number gets the token NONE.

@group(0) @binding(2) var<storage, read> bias: array<f32>;             // (slots, V), added to logits
@group(0) @binding(3) var<storage, read> logits: array<f32>;           // (rows, rowStride)
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;    // (rows, rowStride), scratch: exp, at most 1
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;     // (slots, V): times generated | in prompt << 31
@group(0) @binding(6) var<storage, read_write> sampled: array<u32>;    // newest token of each sequence
@group(0) @binding(7) var<storage, read_write> chosen: array<vec2<u32>>; // (rows): token, bits of its log-probability

// Weights by a part of their bits, ten at a time: how many they are, or their mass.
const BUCKETS = 1024u;
var<private> buckets: array<Wide, BUCKETS>;

// Keeps the largest weights that `kept` has left: `most` of them, or if that is 0 the fewest whose mass is `share` of all.
fn keepLargest(start: u32, kept: Kept, most: u32, share: f32) -> Kept {
  var bits = 0u; // of the last weight that stays, ten more with every level
  var missing = Wide();
  for (var level = 0u; level < 3u; level++) {
    let shift = 20u - 10u * level;
    for (var i = 0u; i < BUCKETS; i++) { buckets[i] = Wide(); }
    for (var v = 0u; v < params.vocabulary; v++) {
      let weight = weights[start + v];
      let own = bitcast<u32>(weight);
      if (!isKept(own, v, kept) || (level > 0u && own >> (shift + 10u) != bits)) { continue; }
      let at = (own >> shift) & (BUCKETS - 1u);
      if (most > 0u) { buckets[at].x += 1u; } else { buckets[at] = addWide(buckets[at], massOf(weight)); }
    }
    if (level == 0u) {
      var total = Wide();
      for (var i = 0u; i < BUCKETS; i++) { total = addWide(total, buckets[i]); }
      if (most > 0u) { missing = Wide(most, 0u); } else { missing = goalOf(total, share); }
      if (isLess(total, missing)) { return kept; }
    }
    var bucket = BUCKETS - 1u;
    while (bucket > 0u && isLess(buckets[bucket], missing)) {
      missing = subtractWide(missing, buckets[bucket]);
      bucket -= 1u;
    }
    bits = (bits << 10u) | bucket;
  }
  var left = missing.x;
  if (most == 0u) { left = countFor(missing, bits); }
  for (var v = 0u; v < params.vocabulary; v++) {
    if (bitcast<u32>(weights[start + v]) != bits || !isKept(bits, v, kept)) { continue; }
    left -= 1u;
    if (left == 0u) { return Kept(bits, v + 1u); }
  }
  return Kept(bits, kept.end); // not reached
}

// The first token whose mass, with those of all before it, exceeds a random part of the whole.
fn draw(start: u32, kept: Kept, random: u32) -> u32 {
  var total = Wide();
  for (var span = 0u; span < spanCount(); span++) {
    var mass = Wide();
    for (var v = span * SPAN; v < min((span + 1u) * SPAN, params.vocabulary); v++) {
      let weight = weights[start + v];
      if (isKept(bitcast<u32>(weight), v, kept)) { mass = addWide(mass, massOf(weight)); }
    }
    buckets[span] = mass;
    total = addWide(total, mass);
  }
  var goal = partOf(total, random);
  var own = 0u;
  while (!isLess(goal, buckets[own])) {
    goal = subtractWide(goal, buckets[own]);
    own += 1u;
  }
  for (var v = own * SPAN; v < params.vocabulary; v++) {
    let weight = weights[start + v];
    if (!isKept(bitcast<u32>(weight), v, kept)) { continue; }
    let mass = massOf(weight);
    if (isLess(goal, mass)) { return v; }
    goal = subtractWide(goal, mass);
  }
  return 0u; // not reached: the goal is less than the total
}

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rowCount) { return; }
  let start = row * params.rowStride;
  let penalties = penaltiesOf(row);
  var isWrong = false;
  var token = 0u;
  var highest = LOWEST;
  for (var v = 0u; v < params.vocabulary; v++) {
    isWrong |= isBroken(logits[start + v]);
    let value = penalised(penalties, v);
    if (value > highest) { highest = value; token = v; }
  }
  if (isWrong) {
    sampled[optionAt(row, 0u)] = 0u;
    chosen[row] = vec2<u32>(NONE, 0u);
    return;
  }
  var raw = RowSum(0.0, 1.0);
  if (optionAt(row, 13u) != 0u) { raw = rowSum(start); }
  let temperature = realAt(row, 3u);
  if (temperature > 0.0) {
    for (var v = 0u; v < params.vocabulary; v++) {
      weights[start + v] = weightOf(penalised(penalties, v), highest, temperature);
    }
    var kept = ALL;
    let most = optionAt(row, 4u);
    if (most > 0u && most < params.vocabulary) { kept = keepLargest(start, kept, most, 1.0); }
    let share = realAt(row, 5u);
    if (share < 1.0) { kept = keepLargest(start, kept, 0u, share); }
    // Of what is smaller than the least weight, nothing stays.
    let least = optionAt(row, 6u);
    if (least > kept.bits) { kept = Kept(least, NONE); }
    token = draw(start, kept, randomBits(optionAt(row, 10u), optionAt(row, 11u), optionAt(row, 12u)));
  }

  sampled[optionAt(row, 0u)] = token;
  let countSlot = optionAt(row, 1u);
  if (countSlot != NONE) { counts[countSlot * params.vocabulary + token] += 1u; }
  chosen[row] = vec2<u32>(token, bitcast<u32>(logits[start + token] - raw.maximum - log(raw.total)));
}
