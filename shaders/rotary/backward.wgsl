// rotary/backward.wgsl — `vectors` vec4s of dX[row] from `outputOffset` on: the first `zeroedVectors` of them are set to 0, as what was
// turned there came from elsewhere; then come the heads of dY[row] from `inputOffset` on, the first `turnedHeads` of which are turned
// back by the row's position, and the others, which are values, are copied.
// dY (rows, inputStride) · dX (rows, outputStride), row-major f32; heads are padded to a multiple of 4 with zeros.
// Grid: ceil(rowCount·vectors / 64), 1, 1 (folded into y beyond 65,535).  Needs: core limits.
// Reference: test/reference/rotary.ts rotaryBackward.

struct Params {
  firstEntry: u32,    // first entry of this dispatch in rowTable
  rowCount: u32,      // rows of this dispatch
  headVectors: u32,   // ceil(D/4)
  turnedVectors: u32, // vec4s of a head that are turned
  vectors: u32,       // vec4s of dX that are set
  inputStride: u32,   // row stride of dY in vec4s
  inputOffset: u32,   // the first vec4 of dY that is read
  outputStride: u32,  // row stride of dX in vec4s
  outputOffset: u32,  // the first vec4 of dX that is set
  zeroedVectors: u32,
  turnedHeads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dY: array<vec4<f32>>;       // (arena rows, inputStride)
@group(0) @binding(2) var<storage, read> angles: array<vec4<f32>>;   // as common/rotary.wgsl says; unused if nothing is turned
@group(0) @binding(3) var<storage, read> rowInfo: array<vec4<u32>>;  // token, position, first page, key count
@group(0) @binding(4) var<storage, read> rowTable: array<u32>;       // arena row of every row
@group(0) @binding(5) var<storage, read_write> dX: array<vec4<f32>>; // (arena rows, outputStride)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let index = id.y * groups.x * 64u + id.x;
  if (index >= params.rowCount * params.vectors) { return; }
  let row = rowTable[params.firstEntry + index / params.vectors];
  let own = index % params.vectors;
  var gradient = vec4<f32>();
  if (own >= params.zeroedVectors) {
    let vector = own - params.zeroedVectors;
    let part = vector % params.headVectors;
    gradient = dY[row * params.inputStride + params.inputOffset + vector];
    if (vector / params.headVectors < params.turnedHeads && part < params.turnedVectors) {
      gradient = turn(gradient, angleOf(rowInfo[row].y, part) * vec4<f32>(1.0, -1.0, 1.0, -1.0));
    }
  }
  dX[row * params.outputStride + params.outputOffset + own] = gradient;
}
