// common/weights-blocks.wgsl — reads weights that are whole numbers of 4 to 8 bits times a scale per group: what quantised files hold.
// W: the lower bits · scales: scales, minimums and upper bits. src/tensor/blocks/gpu-layout.ts says which bits are in which words.
// Neighbouring outputs of a panel have neighbouring words, so neighbouring lanes read neighbouring bytes.
// Every value is that of the reference, exactly: products with a scale are exact in f32, and only the addition of a minimum rounds.
// Constants: BITS 4 or 8 · UPPER_BITS 0, 1 or 2 · SCALING as below · GROUP inputs with one scale · CENTRE · PANEL outputs.
// Needs inputVectors() and wordOf() of the fragments that follow it.

// What the prelude's SCALING stands for, with whole numbers q of the weight, s and m of its group:
const BY_SCALE = 0u;          // scale·q
const BY_MINIMUM = 1u;        // scale·q + minimum
const BY_WHOLE = 2u;          // (unit·s)·q
const BY_WHOLE_MINIMUM = 3u;  // (unit·s)·q − minimumUnit·m

// What GROUP inputs of an output have in common.
struct Scaling {
  scale: f32,
  minimum: f32,
  upper: u32, // the word of upper bits, of which a group has no more than one
}

// A word of the planes of a panel, from word `begin` on, of the index-th group that the plane is cut into.
fn planeWord(panel: u32, begin: u32, index: u32, lane: u32) -> u32 {
  return scales[panel * panelWords() + (begin + index) * PANEL + lane];
}

// Groups of a row that have scales of their own.
fn scaleGroups() -> u32 {
  return inputVectors() / (GROUP / 4u);
}

// Words of one output in the planes: groups of 32 with their scales, minimums and upper bits, or with whole scales and units.
fn panelWords() -> u32 {
  let groups = inputVectors() / 8u;
  if (SCALING == BY_SCALE) { return groups * (1u + UPPER_BITS) * PANEL; }
  if (SCALING == BY_MINIMUM) { return (2u * scaleGroups() + groups * UPPER_BITS) * PANEL; }
  if (SCALING == BY_WHOLE) { return (groups / 2u + groups / 8u + groups * UPPER_BITS) * PANEL; }
  return (inputVectors() / (GROUP / 2u) + groups / 4u + groups * UPPER_BITS) * PANEL;
}

// Where the plane of upper bits begins.
fn upperBegin() -> u32 {
  let groups = inputVectors() / 8u;
  if (SCALING == BY_SCALE) { return groups; }
  if (SCALING == BY_MINIMUM) { return 2u * scaleGroups(); }
  if (SCALING == BY_WHOLE) { return groups / 2u + groups / 8u; }
  return inputVectors() / (GROUP / 2u) + groups / 4u;
}

// The word of upper bits for the four inputs of vec4 `k`.
fn upperOf(k: u32, panel: u32, lane: u32) -> u32 {
  if (UPPER_BITS == 1u) { return planeWord(panel, upperBegin(), k / 8u, lane); }
  if (UPPER_BITS == 2u) { return planeWord(panel, upperBegin(), k / 4u, lane); }
  return 0u;
}

// What the group of the four inputs of vec4 `k` has in common.
fn scalingOf(k: u32, panel: u32, lane: u32) -> Scaling {
  let upper = upperOf(k, panel, lane);
  if (SCALING == BY_SCALE) { return Scaling(bitcast<f32>(planeWord(panel, 0u, k / 8u, lane)), 0.0, upper); }
  if (SCALING == BY_MINIMUM) {
    let group = k / (GROUP / 4u);
    return Scaling(bitcast<f32>(planeWord(panel, 0u, group, lane)),
      bitcast<f32>(planeWord(panel, scaleGroups(), group, lane)), upper);
  }
  let groups = inputVectors() / 8u;
  if (SCALING == BY_WHOLE) {
    let word = planeWord(panel, 0u, k / 16u, lane);
    let unit = bitcast<f32>(planeWord(panel, groups / 2u, k / 64u, lane));
    return Scaling(unit * f32(bitcast<i32>(word << (24u - 8u * (k / 4u % 4u))) >> 24u), 0.0, upper);
  }
  // Two groups to a word: scale and minimum of the first, then of the second.
  let vectors = GROUP / 4u;
  let pairs = inputVectors() / (2u * vectors);
  let word = planeWord(panel, 0u, k / (2u * vectors), lane) >> (16u * (k / vectors % 2u));
  let unit = bitcast<f32>(planeWord(panel, pairs, k / 64u, lane));
  let minimumUnit = bitcast<f32>(planeWord(panel, pairs + groups / 8u, k / 64u, lane));
  return Scaling(unit * f32(word & 0xffu), -(minimumUnit * f32((word >> 8u) & 0xffu)), upper);
}

// The whole numbers of the four inputs of vec4 `k`.
fn wholesOf(k: u32, panel: u32, lane: u32, upper: u32) -> vec4<f32> {
  let group = panel * (inputVectors() / 8u) + k / 8u;
  let part = k % 8u;
  if (BITS == 8u) {
    let word = wordOf((2u * group + part / 4u) * PANEL + lane, part % 4u);
    return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
  }
  var bits = wordOf(group * PANEL + lane, part / 2u) >> (4u * (part % 2u));
  var mask = 0xfu;
  if (UPPER_BITS > 0u) {
    // Four at a time, in the bytes of a word.
    let shift = UPPER_BITS * (part % (8u / max(UPPER_BITS, 1u)));
    bits = (bits & 0x0f0f0f0fu) | (((upper >> shift) & select(0x01010101u, 0x03030303u, UPPER_BITS == 2u)) << 4u);
    mask = 0xffu;
  }
  let wholes = (vec4<u32>(bits) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(mask);
  // CPUs convert whole numbers that have a sign faster.
  return vec4<f32>(bitcast<vec4<i32>>(wholes) - vec4<i32>(i32(CENTRE)));
}

// The weights of output n for the four inputs of vec4 `k`.
fn weightsAt(k: u32, n: u32) -> vec4<f32> {
  let panel = n / PANEL;
  let lane = n % PANEL;
  return scaled(scalingOf(k, panel, lane), k, panel, lane);
}

fn scaled(scaling: Scaling, k: u32, panel: u32, lane: u32) -> vec4<f32> {
  let product = scaling.scale * wholesOf(k, panel, lane, scaling.upper);
  if (SCALING == BY_MINIMUM || SCALING == BY_WHOLE_MINIMUM) { return product + scaling.minimum; }
  return product;
}
