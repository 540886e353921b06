// sampling/choose-token-workgroup.wgsl — one token per row of logits, as sampling/choose-token.wgsl; a workgroup per row.
// For GPUs: each invocation has one of the PARTS runs of consecutive tokens, and touches no weights of the others.
// Shapes, bindings, options and penalties: common/token-choice.wgsl.
// Grid: rowCount, 1, 1 (folded into y beyond 65,535).  Needs: 64 invocations, 0.5 KiB of workgroup memory.
// Reference: test/reference/choose-token.ts chooseToken.  Sums part by part, in the order of V.
// Order: bias, repetition, frequency and presence penalty, temperature, top-k, top-p, min-p, draw.

// One element per part.
var<workgroup> partValues: array<f32, PARTS>;
var<workgroup> partTokens: array<u32, PARTS>;
var<workgroup> total: f32;

// The tokens of one invocation: the weights of its row begin at `start`, its own are those of tokens first…end−1.
struct Part {
  index: u32,
  start: u32,
  first: u32,
  end: u32,
}

// The sum of all parts' values, which stay in partValues.
fn totalOf(index: u32, value: f32) -> f32 {
  partValues[index] = value;
  workgroupBarrier();
  if (index == 0u) {
    var sum = 0.0;
    for (var i = 0u; i < PARTS; i++) { sum += partValues[i]; }
    total = sum;
  }
  return workgroupUniformLoad(&total);
}

// The largest of all parts' values.
fn maximumOf(index: u32, value: f32) -> f32 {
  partValues[index] = value;
  workgroupBarrier();
  var highest = partValues[0];
  for (var i = 1u; i < PARTS; i++) { highest = max(highest, partValues[i]); }
  workgroupBarrier();
  return highest;
}

// How many weights there are: f32 counts exactly up to 2^24.
fn countFrom(part: Part, bits: u32) -> f32 {
  var count = 0.0;
  for (var v = part.first; v < part.end; v++) {
    count += select(0.0, 1.0, bitcast<u32>(weights[part.start + v]) >= bits);
  }
  return totalOf(part.index, count);
}

fn massFrom(part: Part, bits: u32) -> f32 {
  var mass = 0.0;
  for (var v = part.first; v < part.end; v++) {
    let weight = weights[part.start + v];
    mass += select(0.0, weight, bitcast<u32>(weight) >= bits);
  }
  return totalOf(part.index, mass);
}

// Sets weights beyond the first `kept` that have exactly these bits to 0, and all smaller ones.
fn cutBelow(part: Part, bits: u32, kept: u32) {
  var equal = 0u;
  for (var v = part.first; v < part.end; v++) {
    equal += select(0u, 1u, bitcast<u32>(weights[part.start + v]) == bits);
  }
  partTokens[part.index] = equal;
  workgroupBarrier();
  var left = kept;
  for (var i = 0u; i < part.index; i++) { left -= min(left, partTokens[i]); }
  workgroupBarrier();
  for (var v = part.first; v < part.end; v++) {
    let own = bitcast<u32>(weights[part.start + v]);
    if (own == bits && left > 0u) { left -= 1u; } else if (own <= bits) { weights[part.start + v] = 0.0; }
  }
}

// The k largest weights stay; of equal ones those of lower ids.
fn keepTop(part: Part, k: u32) {
  var low = 0u;      // countFrom(low) ≥ k
  var high = BEYOND; // countFrom(high) = 0 < k, as no weight exceeds 1
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (countFrom(part, middle) >= f32(k)) { low = middle; } else { high = middle; }
  }
  cutBelow(part, low, k - u32(countFrom(part, low + 1u)));
}

// The fewest, largest weights that make up `share` of the mass stay.
fn keepMass(part: Part, share: f32) {
  let goal = share * massFrom(part, SMALLEST);
  var low = SMALLEST;
  var high = BEYOND;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (massFrom(part, middle) >= goal) { low = middle; } else { high = middle; }
  }
  let missing = goal - massFrom(part, low + 1u);
  cutBelow(part, low, countFor(missing, low));
}

// Called by the first invocation.
fn draw(part: Part, uniformValue: f32, leastWeight: f32) -> u32 {
  let least = max(bitcast<u32>(leastWeight), SMALLEST);
  let goal = uniformValue * massFrom(part, least);
  var mass = 0.0;
  for (var i = 0u; i < part.index; i++) { mass += partValues[i]; }
  // The token at which this part passes the goal, or its last one that may be drawn, or none.
  var own = NONE;
  var passes = false;
  var sum = 0.0;
  for (var v = part.first; v < part.end && !passes; v++) {
    let weight = weights[part.start + v];
    if (bitcast<u32>(weight) < least) { continue; }
    sum += weight;
    own = v;
    passes = mass + sum > goal;
  }
  workgroupBarrier();
  partTokens[part.index] = own;
  partValues[part.index] = select(0.0, 1.0, passes);
  workgroupBarrier();
  var token = 0u;
  for (var i = 0u; i < PARTS; i++) {
    if (partTokens[i] != NONE) { token = partTokens[i]; }
    if (partValues[i] > 0.0) { break; }
  }
  return token;
}

@compute @workgroup_size(PARTS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rowCount) { return; }
  let length = partLength(params.vocabulary);
  let part = Part(index, row * params.rowStride, index * length, min((index + 1u) * length, params.vocabulary));

  var highestRaw = 0.0;
  var sumRaw = 1.0;
  if (optionAt(row, 13u) != 0u) {
    var own = LOWEST;
    for (var v = part.first; v < part.end; v++) { own = max(own, logits[part.start + v]); }
    highestRaw = maximumOf(index, own);
    var sum = 0.0;
    for (var v = part.first; v < part.end; v++) { sum += exp(logits[part.start + v] - highestRaw); }
    sumRaw = totalOf(index, sum);
  }

  let penalties = penaltiesOf(row);
  var token = 0u;
  var highest = LOWEST;
  for (var v = part.first; v < part.end; v++) {
    let value = penalised(penalties, v);
    if (value > highest) { highest = value; token = v; }
  }
  partTokens[index] = token;
  partValues[index] = highest;
  workgroupBarrier();
  token = 0u;
  highest = LOWEST;
  for (var i = 0u; i < PARTS; i++) {
    if (partValues[i] > highest) { highest = partValues[i]; token = partTokens[i]; }
  }
  workgroupBarrier();

  let temperature = realAt(row, 3u);
  if (temperature > 0.0) {
    for (var v = part.first; v < part.end; v++) {
      weights[part.start + v] = exp((penalised(penalties, v) - highest) / temperature);
    }
    let k = optionAt(row, 4u);
    if (k > 0u && k < params.vocabulary) { keepTop(part, k); }
    let share = realAt(row, 5u);
    if (share < 1.0) { keepMass(part, share); }
    token = draw(part, uniformOf(optionAt(row, 10u), optionAt(row, 11u), optionAt(row, 12u)), realAt(row, 6u));
  }

  if (index > 0u) { return; }
  sampled[optionAt(row, 0u)] = token;
  let countSlot = optionAt(row, 1u);
  if (countSlot != NONE) { counts[countSlot * params.vocabulary + token] += 1u; }
  chosen[row] = vec2<u32>(token, bitcast<u32>(logits[part.start + token] - highestRaw - log(sumRaw)));
}
