// common/attention-inputs.wgsl — what every forward kernel of attention reads; each declares its output itself.
// Q (rows,H,D) · KV (slots,2,H/GROUP,D) · A (rows,H,D), row-major f32; D is padded to a multiple of 4 with zeros. A cache may have
// KV in f16: common/key-values-float.wgsl or common/key-values-half.wgsl reads it.
// A slot has the keys and values of one token: a cache row in generation, else an arena row. They are in pages of PAGE_TOKENS
// consecutive slots, and the page table lists the first slot of every page, sentence by sentence.
// An interface fragment: it has bindings of its kernels.

@group(0) @binding(1) var<storage, read> Q: array<vec4<f32>>;          // (arena rows, H, D/4)
@group(0) @binding(2) var<storage, read> KV: array<KeyValueVector>;    // (slots, 2, H/GROUP, D/4)
@group(0) @binding(3) var<storage, read> rowInfo: array<vec4<u32>>;    // token, position, first page, key count
@group(0) @binding(4) var<storage, read> pageTable: array<u32>;        // first slot of every page of every sentence
@group(0) @binding(5) var<storage, read> blockTable: array<vec2<u32>>; // arena row of the first query, queries (1…4)

// The slot of a key, of the sentence whose pages begin at entry `page` of the page table.
fn slotOf(page: u32, key: u32) -> u32 {
  return pageTable[page + key / PAGE_TOKENS] + key % PAGE_TOKENS;
}
