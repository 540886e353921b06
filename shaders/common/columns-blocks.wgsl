// common/columns-blocks.wgsl — quantised weights of four outputs at a time, for kernels that walk along K: they ask once for what
// SCALED_VECTORS vec4s from a multiple of it on have in common, and find the words of four neighbours with one address.
// The values are those of common/weights-blocks.wgsl, which it needs, with a kind of products.

const SCALED_VECTORS = GROUP / 4u;

// Of the four outputs of a vec4 column.
struct ColumnScaling {
  scale: vec4<f32>,
  minimum: vec4<f32>,
  upper: vec4<u32>,
}

// Words of four neighbours in a plane that begins at word `begin` of its panel; `at` is the first one's place there.
fn planeWords(at: u32, begin: u32, index: u32) -> vec4<u32> {
  let first = at + (begin + index) * PANEL;
  return vec4<u32>(scales[first], scales[first + 1u], scales[first + 2u], scales[first + 3u]);
}

fn columnScaling(k: u32, column: u32) -> ColumnScaling {
  let n = 4u * column;
  let at = (n / PANEL) * panelWords() + n % PANEL;
  let groups = inputVectors() / 8u;
  var s: ColumnScaling;
  if (UPPER_BITS > 0u) { s.upper = planeWords(at, upperBegin(), k * UPPER_BITS / 8u); }
  if (SCALING == BY_SCALE || SCALING == BY_MINIMUM) { s.scale = bitcast<vec4<f32>>(planeWords(at, 0u, k / SCALED_VECTORS)); }
  if (SCALING == BY_MINIMUM) { s.minimum = bitcast<vec4<f32>>(planeWords(at, scaleGroups(), k / SCALED_VECTORS)); }
  if (SCALING == BY_WHOLE) {
    let wholes = bitcast<vec4<i32>>(planeWords(at, 0u, k / 16u) << vec4<u32>(24u - 8u * (k / 4u % 4u)));
    s.scale = bitcast<vec4<f32>>(planeWords(at, groups / 2u, k / 64u)) * vec4<f32>(wholes >> vec4<u32>(24u));
  }
  if (SCALING == BY_WHOLE_MINIMUM) {
    let vectors = GROUP / 4u;
    let pairs = inputVectors() / (2u * vectors);
    let words = planeWords(at, 0u, k / (2u * vectors)) >> vec4<u32>(16u * (k / vectors % 2u));
    let units = bitcast<vec4<f32>>(planeWords(at, pairs, k / 64u));
    let minimumUnits = bitcast<vec4<f32>>(planeWords(at, pairs + groups / 8u, k / 64u));
    let low = vec4<u32>(0xffu);
    let minimums = words >> vec4<u32>(8u);
    s.scale = units * vec4<f32>(bitcast<vec4<i32>>(words & low));
    s.minimum = -(minimumUnits * vec4<f32>(bitcast<vec4<i32>>(minimums & low)));
  }
  return s;
}

// As loadWeights of common/linear-interface.wgsl.
fn scaledWeights(k: u32, column: u32, s: ColumnScaling) -> mat4x4<Factor> {
  let panel = 4u * column / PANEL;
  let lane = 4u * column % PANEL;
  return mat4x4<Factor>(
    vec4<Factor>(scaled(Scaling(s.scale.x, s.minimum.x, s.upper.x), k, panel, lane)),
    vec4<Factor>(scaled(Scaling(s.scale.y, s.minimum.y, s.upper.y), k, panel, lane + 1u)),
    vec4<Factor>(scaled(Scaling(s.scale.z, s.minimum.z, s.upper.z), k, panel, lane + 2u)),
    vec4<Factor>(scaled(Scaling(s.scale.w, s.minimum.w, s.upper.w), k, panel, lane + 3u)));
}
