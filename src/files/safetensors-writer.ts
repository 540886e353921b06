// Writes tensors as one safetensors file.
import { ArgumentError } from "../errors.js";
import { tensorBytes, type StoredTensor } from "./safetensors.js";

/**
 * The file that holds `tensors`, and `metadata` in its header. The same tensors give the same bytes in whatever order
 * they come: they are stored by name.
 * @throws ArgumentError when a name comes twice or bytes do not fit their dtype and shape.
 */
export function writeSafetensors(
  tensors: Iterable<StoredTensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const entries: [string, unknown][] = metadata ? [["__metadata__", metadata]] : [];
  const names = new Set(["__metadata__"]);
  let dataBytes = 0;
  for (const tensor of sorted) {
    checkTensor(tensor, names);
    names.add(tensor.name);
    const end = dataBytes + tensor.bytes.length;
    entries.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [dataBytes, end] }]);
    dataBytes = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes); // The format pads with spaces.
  file.set(json, 8);
  let offset = 8 + headerBytes;
  for (const { bytes } of sorted) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function checkTensor({ name, dtype, shape, bytes }: StoredTensor, namesBefore: ReadonlySet<string>): void {
  if (namesBefore.has(name)) {
    throw new ArgumentError({
      argument: "tensors",
      expected: "names that differ from each other and from __metadata__",
      received: name,
      remedy: "Give every tensor a name of its own.",
    });
  }
  const expectedBytes = tensorBytes(dtype, shape);
  if (bytes.length !== expectedBytes) {
    throw new ArgumentError({
      argument: `tensors: ${name}`,
      expected: `${expectedBytes ?? "a whole number of"} bytes for ${dtype} [${shape.join(", ")}]`,
      received: bytes.length,
      remedy: "Correct the dtype, the shape or the bytes.",
    });
  }
}
