// common/columns-float.wgsl — common/columns-blocks.wgsl for plain numbers, which have nothing in common.  Needs loadWeights of
// common/linear-interface.wgsl.

const SCALED_VECTORS = 32u;

struct ColumnScaling {
  none: u32,
}

fn columnScaling(k: u32, column: u32) -> ColumnScaling {
  return ColumnScaling(0u);
}

fn scaledWeights(k: u32, column: u32, s: ColumnScaling) -> mat4x4<Factor> {
  return loadWeights(k, column);
}
