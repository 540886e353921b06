// A row of logits in spans, so that many workgroups can share one: see shaders/common/spans.wgsl.

/** SPAN of that file: tokens whose sums are formed together. */
export const SPAN_TOKENS = 1024;

/** How many spans a row has. */
export const countSpans = (vocabulary: number): number => Math.ceil(vocabulary / SPAN_TOKENS);
