// Reads the machine code that AMD's compiler prints.

const contains = ([begin, end], [own, last]) =>
  begin >= own && end <= last && (begin !== own || end !== last);

/** The innermost loop with most multiply-adds: what a kernel spends its time in, unless it is short. */
export function hottestLoop(code) {
  const lines = code.split("\n");
  const labels = new Map();
  const loops = [];
  for (const [at, line] of lines.entries()) {
    const label = /^(BB\d+):/.exec(line.trim());
    if (label) labels.set(label[1], at);
    const jump = /\bs_c?branch\w*\s+(BB\d+)/.exec(line);
    if (jump && labels.has(jump[1])) loops.push([labels.get(jump[1]), at]);
  }
  const counted = loops
    .filter((loop) => !loops.some((other) => contains(other, loop)))
    .map(([begin, end]) => count(lines.slice(begin, end + 1)));
  const nothing = { multiplyAdds: 0, instructions: 0, sharedBytes: 0, memoryBytes: 0 };
  return counted.toSorted((a, b) => b.multiplyAdds - a.multiplyAdds)[0] ?? nothing;
}

function count(lines) {
  const total = { multiplyAdds: 0, instructions: 0, sharedBytes: 0, memoryBytes: 0 };
  for (const line of lines) {
    if (!/^\s+(v|s|ds|global|buffer|scratch|flat)_/.test(line)) continue;
    total.instructions++;
    total.multiplyAdds += [
      ...line.matchAll(/v_(?:dual_)?(?:fmac?|fmamk|fmaak)_f32|v_pk_fma_f16|v_dot2\w*|v_fma_mix\w*/g),
    ].length;
    if (/\bds_(load|read)/.test(line))
      total.sharedBytes += loadedBytes(line) * (/2addr|read2/.test(line) ? 2 : 1);
    if (/\b(global|buffer)_load/.test(line)) total.memoryBytes += loadedBytes(line);
  }
  return total;
}

/** Bytes that an instruction such as `ds_load_b128` or `global_load_dwordx4` loads. */
function loadedBytes(line) {
  const dwords = /dwordx(\d)/.exec(line);
  return dwords ? 4 * Number(dwords[1]) : Number(/_b(\d+)/.exec(line)?.[1] ?? 32) / 8;
}
