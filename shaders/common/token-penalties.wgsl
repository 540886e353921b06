// common/token-penalties.wgsl — logits as the options of their row change them. Needs common/token-choice.wgsl, and the bindings bias
// and counts (slots,V) and logits (rows,rowStride) of the kernel that it stands in front of.

// What changes the logits of a row. Read once: a row has as many logits as the vocabulary has tokens.
struct Penalties {
  start: u32,      // first logit
  choosable: u32,  // tokens from here on are never chosen; 0: all may be
  allowed: u32,    // first word in options of a bit per token that may be chosen; 0: all may be
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
    row * params.rowStride, optionAt(row, 14u), optionAt(row, 15u), select(biasSlot * params.vocabulary, NONE, biasSlot == NONE),
    select(countSlot * params.vocabulary, NONE, countSlot == NONE),
    realAt(row, 7u), realAt(row, 8u), realAt(row, 9u));
}

// Returns a logit after the penalties. `count` is how often its token was generated | whether it is in the prompt << 31.
fn penalise(logit: f32, count: u32, repetition: f32, frequency: f32, presence: f32) -> f32 {
  if (count == 0u) { return logit; }
  let value = select(logit * repetition, logit / repetition, logit > 0.0);
  let generated = count & ~IN_PROMPT;
  return fma(-frequency, f32(generated), value) - select(0.0, presence, generated > 0u);
}

fn penalised(own: Penalties, token: u32) -> f32 {
  if (own.choosable != 0u && token >= own.choosable) { return BANNED; }
  if (own.allowed != 0u && (options[own.allowed + (token >> 5u)] & (1u << (token & 31u))) == 0u) { return BANNED; }
  var value = logits[own.start + token];
  if (own.biasStart != NONE) { value += bias[own.biasStart + token]; }
  if (own.countStart == NONE) { return value; }
  return penalise(value, counts[own.countStart + token], own.repetition, own.frequency, own.presence);
}
