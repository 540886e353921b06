// sampling/choose-token.wgsl — one token per row of logits: greedy, or drawn after penalties, temperature and filters.
// Shapes, bindings, options and penalties: common/token-choice.wgsl.
// Grid: ceil(rowCount/4), 1, 1.  Needs: core limits, no workgroup memory.
// Reference: test/reference/choose-token.ts chooseToken.  One invocation per row; sums part by part, in the order of V.
// Order: bias, repetition, frequency and presence penalty, temperature, top-k, top-p, min-p, draw.

fn countFrom(start: u32, bits: u32) -> u32 {
  var count = 0u;
  for (var v = 0u; v < params.vocabulary; v++) {
    count += select(0u, 1u, bitcast<u32>(weights[start + v]) >= bits);
  }
  return count;
}

fn massFrom(start: u32, bits: u32) -> f32 {
  var mass = 0.0;
  let length = partLength(params.vocabulary);
  for (var first = 0u; first < params.vocabulary; first += length) {
    var part = 0.0;
    for (var v = first; v < min(first + length, params.vocabulary); v++) {
      let weight = weights[start + v];
      part += select(0.0, weight, bitcast<u32>(weight) >= bits);
    }
    mass += part;
  }
  return mass;
}

// Sets weights beyond the first `kept` that have exactly these bits to 0, and all smaller ones.
fn cutBelow(start: u32, bits: u32, kept: u32) {
  var left = kept;
  for (var v = 0u; v < params.vocabulary; v++) {
    let own = bitcast<u32>(weights[start + v]);
    if (own == bits && left > 0u) { left -= 1u; } else if (own <= bits) { weights[start + v] = 0.0; }
  }
}

// The k largest weights stay; of equal ones those of lower ids.
fn keepTop(start: u32, k: u32) {
  var low = 0u;           // countFrom(low) ≥ k
  var high = BEYOND;      // countFrom(high) = 0 < k, as no weight exceeds 1
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (countFrom(start, middle) >= k) { low = middle; } else { high = middle; }
  }
  cutBelow(start, low, k - countFrom(start, low + 1u));
}

// The fewest, largest weights that make up `share` of the mass stay.
fn keepMass(start: u32, share: f32) {
  let goal = share * massFrom(start, SMALLEST);
  var low = SMALLEST;
  var high = BEYOND;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (massFrom(start, middle) >= goal) { low = middle; } else { high = middle; }
  }
  let missing = goal - massFrom(start, low + 1u);
  cutBelow(start, low, countFor(missing, low));
}

fn draw(start: u32, uniformValue: f32, leastWeight: f32) -> u32 {
  let least = max(bitcast<u32>(leastWeight), SMALLEST);
  let goal = uniformValue * massFrom(start, least);
  var mass = 0.0;
  var last = 0u;
  let length = partLength(params.vocabulary);
  for (var first = 0u; first < params.vocabulary; first += length) {
    var part = 0.0;
    for (var v = first; v < min(first + length, params.vocabulary); v++) {
      let weight = weights[start + v];
      if (bitcast<u32>(weight) < least) { continue; }
      part += weight;
      last = v;
      if (mass + part > goal) { return v; }
    }
    mass += part;
  }
  return last;
}

@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rowCount) { return; }
  let start = row * params.rowStride;

  var highestRaw = 0.0;
  var sumRaw = 1.0;
  if (optionAt(row, 13u) != 0u) {
    highestRaw = LOWEST;
    for (var v = 0u; v < params.vocabulary; v++) { highestRaw = max(highestRaw, logits[start + v]); }
    sumRaw = 0.0;
    let length = partLength(params.vocabulary);
    for (var first = 0u; first < params.vocabulary; first += length) {
      var part = 0.0;
      for (var v = first; v < min(first + length, params.vocabulary); v++) {
        part += exp(logits[start + v] - highestRaw);
      }
      sumRaw += part;
    }
  }

  let penalties = penaltiesOf(row);
  var token = 0u;
  var highest = LOWEST;
  for (var v = 0u; v < params.vocabulary; v++) {
    let value = penalised(penalties, v);
    if (value > highest) { highest = value; token = v; }
  }
  let temperature = realAt(row, 3u);
  if (temperature > 0.0) {
    for (var v = 0u; v < params.vocabulary; v++) {
      weights[start + v] = exp((penalised(penalties, v) - highest) / temperature);
    }
    let k = optionAt(row, 4u);
    if (k > 0u && k < params.vocabulary) { keepTop(start, k); }
    let share = realAt(row, 5u);
    if (share < 1.0) { keepMass(start, share); }
    token = draw(start, uniformOf(optionAt(row, 10u), optionAt(row, 11u), optionAt(row, 12u)), realAt(row, 6u));
  }

  sampled[optionAt(row, 0u)] = token;
  let countSlot = optionAt(row, 1u);
  if (countSlot != NONE) { counts[countSlot * params.vocabulary + token] += 1u; }
  chosen[row] = vec2<u32>(token, bitcast<u32>(logits[start + token] - highestRaw - log(sumRaw)));
}
