// common/token-choice.wgsl — what the kernels that choose tokens share. They give the same tokens because they add in the
// same order: the vocabulary is cut into PARTS runs of consecutive tokens; each is added up in order, then their sums are.
// logits, weights (rows,V) row-major f32 · options (rows,OPTION_WORDS) · counts, bias (slots,V) · chosen (rows).
// An interface fragment: it has the bindings of its kernels.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V
  rowStride: u32,   // row stride of logits in elements
  firstOption: u32, // first word of row 0 in options
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> options: array<u32>;          // (rows, OPTION_WORDS), as in OptionWord
@group(0) @binding(2) var<storage, read> bias: array<f32>;             // (slots, V), added to logits
@group(0) @binding(3) var<storage, read> logits: array<f32>;           // (rows, rowStride)
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;    // (rows, rowStride), scratch: exp, at most 1
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;     // (slots, V): times generated | in prompt << 31
@group(0) @binding(6) var<storage, read_write> sampled: array<u32>;    // newest token of each sequence
@group(0) @binding(7) var<storage, read_write> chosen: array<vec2<u32>>; // (rows): token, bits of its log-probability

const PARTS = 64u;

const OPTION_WORDS = 16u;
const NONE = 0xffffffffu;
const IN_PROMPT = 0x80000000u;

// No logit is below it; NaN is not above it, and so never the likeliest.
const LOWEST = -3.4028234e38;

// Non-negative floats are ordered as their bits are. The bits of the smallest weight that counts: smaller ones may be
// flushed to 0.
const SMALLEST = 0x00800000u;
// One more than the bits of 1, the largest weight.
const BEYOND = 0x3f800001u;

// Tokens of a part but the last ones, which may have fewer.
fn partLength(vocabulary: u32) -> u32 {
  return (vocabulary + PARTS - 1u) / PARTS;
}

// A counter-based generator, pcg3d (Jarzynski and Olano 2020, jcgt.org/published/0009/03/02): 24 random bits as a
// fraction in [0, 1) from seed and position alone, so that batch mates and the moment do not matter.
fn uniformOf(seedLow: u32, seedHigh: u32, position: u32) -> f32 {
  var v = vec3<u32>(seedLow, seedHigh, position) * 1664525u + 1013904223u;
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  v ^= v >> vec3<u32>(16u);
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  return f32(v.x >> 8u) * (1.0 / 16777216.0);
}

// Returns a logit after the penalties. `count` is how often its token was generated | whether it is in the prompt << 31.
fn penalise(logit: f32, count: u32, repetition: f32, frequency: f32, presence: f32) -> f32 {
  if (count == 0u) { return logit; }
  let value = select(logit * repetition, logit / repetition, logit > 0.0);
  let generated = count & ~IN_PROMPT;
  return fma(-frequency, f32(generated), value) - select(0.0, presence, generated > 0u);
}

fn optionAt(row: u32, word: u32) -> u32 {
  return options[params.firstOption + row * OPTION_WORDS + word];
}

fn realAt(row: u32, word: u32) -> f32 {
  return bitcast<f32>(optionAt(row, word));
}

// Below all logits, and so far that its exponential is 0; a bias of as much bans a token. Finite, as WGSL may assume.
const BANNED = -1e30;

// What changes the logits of a row. Read once: a row has as many logits as the vocabulary has tokens.
struct Penalties {
  start: u32,      // first logit
  choosable: u32,  // tokens from here on are never chosen; 0: all may be
  biasStart: u32,  // in bias; NONE: none
  countStart: u32, // in counts; NONE: none
  repetition: f32,
  frequency: f32,
  presence: f32,
}

fn penaltiesOf(row: u32) -> Penalties {
  let biasSlot = optionAt(row, 2u);
  let countSlot = optionAt(row, 1u);
  return Penalties(
    row * params.rowStride, optionAt(row, 14u), select(biasSlot * params.vocabulary, NONE, biasSlot == NONE),
    select(countSlot * params.vocabulary, NONE, countSlot == NONE),
    realAt(row, 7u), realAt(row, 8u), realAt(row, 9u));
}

fn penalised(own: Penalties, token: u32) -> f32 {
  if (own.choosable != 0u && token >= own.choosable) { return BANNED; }
  var value = logits[own.start + token];
  if (own.biasStart != NONE) { value += bias[own.biasStart + token]; }
  if (own.countStart == NONE) { return value; }
  return penalise(value, counts[own.countStart + token], own.repetition, own.frequency, own.presence);
}

// Returns how many weights of exactly `bits` bits are needed to make up `missing`.
fn countFor(missing: f32, bits: u32) -> u32 {
  return u32(clamp(ceil(missing / bitcast<f32>(bits)), 1.0, 1e9));
}
