// common/words-single.wgsl — words of quantised weights, bound one by one: an invocation reads no more than the word it needs.

alias WeightVector = u32;

fn wordOf(vector: u32, index: u32) -> u32 {
  return W[4u * vector + index];
}
