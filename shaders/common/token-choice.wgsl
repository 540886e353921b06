// common/token-choice.wgsl — what the kernels that choose tokens share: the options of a row, random numbers, and masses.
// A weight exp((logit − highest) / temperature) is at most 1. Its mass is a whole number, in units of 2^-32; sums of masses are exact,
// in 64 bits, and do not depend on the order of adding. So all kernels keep and draw the same tokens.
// options (rows,OPTION_WORDS).
// An interface fragment: it has the parameters and the first binding of its kernels. Needs common/spans.wgsl.

struct Params {
  rowCount: u32,    // rows of this dispatch
  vocabulary: u32,  // V, at most 2^20
  rowStride: u32,   // row stride of logits in elements
  firstOption: u32, // first word of row 0 in options
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> options: array<u32>; // (rows, OPTION_WORDS), as in OptionWord

const OPTION_WORDS = 16u;
const NONE = 0xffffffffu;
const IN_PROMPT = 0x80000000u;

// Below all logits, and so far that its exponential is 0; a bias of as much bans a token. Finite, as WGSL may assume.
const BANNED = -1e30;

// Non-negative floats are ordered as their bits are. The bits of the smallest weight that counts: smaller ones may be
// flushed to 0.
const SMALLEST = 0x00800000u;

fn optionAt(row: u32, word: u32) -> u32 {
  return options[params.firstOption + row * OPTION_WORDS + word];
}

fn realAt(row: u32, word: u32) -> f32 {
  return bitcast<f32>(optionAt(row, word));
}

// Whether a value is NaN or infinite, by its bits: a compiler may assume that it is neither.
fn isBroken(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u;
}

// 64 bits: the low word, then the high one.
alias Wide = vec2<u32>;

fn addWide(a: Wide, b: Wide) -> Wide {
  let low = a.x + b.x;
  return Wide(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn subtractWide(a: Wide, b: Wide) -> Wide {
  return Wide(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

fn isLess(a: Wide, b: Wide) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}

// a · b where the product has at most 64 bits and b at most 16.
fn multiplyWide(a: Wide, b: u32) -> Wide {
  let p0 = (a.x & 0xffffu) * b;
  let p1 = (a.x >> 16u) * b + (p0 >> 16u);
  let p2 = (a.y & 0xffffu) * b + (p1 >> 16u);
  let p3 = (a.y >> 16u) * b + (p2 >> 16u);
  return Wide((p0 & 0xffffu) | (p1 << 16u), (p2 & 0xffffu) | (p3 << 16u));
}

fn shiftBy12(a: Wide) -> Wide {
  return Wide((a.x >> 12u) | (a.y << 20u), a.y >> 12u);
}

// ⌊a · b / 2^24⌋, where a has at most 52 bits and b is at most 2^24.
fn partOf(a: Wide, b: u32) -> Wide {
  return shiftBy12(addWide(multiplyWide(a, b >> 12u), shiftBy12(multiplyWide(a, b & 0xfffu))));
}

fn massOf(weight: f32) -> Wide {
  if (weight >= 1.0) { return Wide(0u, 1u); }
  return Wide(u32(weight * 4294967296.0), 0u);
}

// The mass that a share of the total in (0, 1) asks for: at least one unit.
fn goalOf(total: Wide, share: f32) -> Wide {
  let goal = partOf(total, clamp(u32(ceil(share * 16777216.0)), 1u, 16777216u));
  return select(goal, Wide(1u, 0u), goal.x == 0u && goal.y == 0u);
}

fn weightOf(value: f32, highest: f32, temperature: f32) -> f32 {
  return min(exp((value - highest) / temperature), 1.0);
}

// What stays of a row: weights of more bits than these, and among those of exactly these the ones of tokens before `end`.
struct Kept {
  bits: u32,
  end: u32,
}

const ALL = Kept(SMALLEST, NONE);

fn isKept(bits: u32, token: u32, kept: Kept) -> bool {
  return bits > kept.bits || (bits == kept.bits && token < kept.end);
}

// How many equal weights of these bits are needed to make up a mass: the fewest n for which n · mass ≥ missing. Found bit by bit, as
// there are at most 2^20.
fn countFor(missing: Wide, bits: u32) -> u32 {
  let mass = massOf(bitcast<f32>(bits));
  var fewer = 0u; // the most that do not suffice
  for (var bit = 1u << 19u; bit > 0u; bit >>= 1u) {
    let more = fewer + bit;
    // In two factors of at most 16 bits.
    let product = addWide(multiplyWide(multiplyWide(mass, more >> 10u), 1024u), multiplyWide(mass, more & 1023u));
    if (isLess(product, missing)) { fewer = more; }
  }
  return fewer + 1u;
}

// A counter-based generator, pcg3d (Jarzynski and Olano 2020, jcgt.org/published/0009/03/02): 24 random bits from seed and
// position alone, so that batch mates and the moment do not matter.
fn randomBits(seedLow: u32, seedHigh: u32, position: u32) -> u32 {
  var v = vec3<u32>(seedLow, seedHigh, position) * 1664525u + 1013904223u;
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  v ^= v >> vec3<u32>(16u);
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  return v.x >> 8u;
}
