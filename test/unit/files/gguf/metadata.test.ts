// What the reader of GGUF headers returns, against what the tools that wrote the files say they hold.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../../src/errors.js";
import { DiskFolder } from "../../../../src/files/disk-folder.js";
import type { ArrayValue, MetadataValue, ScalarValue } from "../../../../src/files/gguf/metadata-values.js";
import { listTensors, openGguf } from "../../../../src/files/gguf/open-gguf.js";
import { readGgufRows } from "../../../../src/files/gguf/read-gguf.js";
import { ggufFolders, readBytes, readJsonFile } from "../../../helpers/fixtures.js";
import { ChunkedFolder } from "../folder-fake.js";
import { collect, rejection } from "../outcome.js";

interface ExpectedTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly typeName: string;
  readonly bytes: number;
  readonly position: number;
  readonly sha256: string;
}
interface Expected {
  readonly version: number;
  readonly alignment: number;
  readonly dataPosition: number | null;
  readonly metadata: readonly { readonly key: string; readonly type: unknown; readonly value: unknown }[];
  readonly tensors: readonly ExpectedTensor[];
}

/** A value as the oracles write it: 64-bit integers and numbers that JSON lacks are text. */
function writeScalar(value: ScalarValue, type: string): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  expect(type).toMatch(/^float/);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function write(value: MetadataValue): { readonly type: unknown; readonly value: unknown } {
  return value.type === "array"
    ? writeArray(value)
    : { type: value.type, value: writeScalar(value.value, value.type) };
}

function writeArray({ of, values }: ArrayValue): {
  readonly type: unknown;
  readonly value: readonly unknown[];
} {
  if (of !== "array")
    return {
      type: { array: of },
      value: [...(values as Iterable<ScalarValue>)].map((item) => writeScalar(item, of)),
    };
  const items = (values as readonly ArrayValue[]).map(writeArray);
  return { type: { array: items.map(({ type }) => type) }, value: items.map(({ value }) => value) };
}

const sha256 = (bytes: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of bytes) hash.update(part);
  return hash.digest("hex");
};

describe.each(ggufFolders("metadata"))("metadata of $name", ({ path }) => {
  const index = readJsonFile<Record<string, { readonly expect: "read" | "refuse" }>>(
    join(path, "index.json"),
  );
  const names = Object.keys(index).filter((name) => name !== "split");

  it.each(names.filter((name) => index[name]!.expect === "read"))("reads %s", async (name) => {
    const expected = readJsonFile<Expected>(join(path, `${name}.expected.json`));
    const folder = new DiskFolder(path);
    const model = await openGguf(folder, `${name}.gguf`);
    const { header } = model.parts[0]!;
    expect(header).toMatchObject({
      version: expected.version,
      alignment: expected.alignment,
      // Files without tensors have no place where their bytes begin.
      dataBegin: expected.dataPosition ?? header.dataBegin,
    });
    const found = [...model.metadata].map(([key, value]) => ({ key, ...write(value) }));
    expect(found).toEqual(expected.metadata);
    const hashes = new Map<string, Uint8Array[]>();
    for (const { tensor, bytes } of await collect(readGgufRows(folder, model, { pieceBytes: 64 })))
      hashes.set(tensor.name, [...(hashes.get(tensor.name) ?? []), bytes]);
    const tensors = header.tensors.map(({ name: own, type, shape, begin, end }) => ({
      name: own,
      dims: shape.toReversed(),
      typeName: type.name,
      position: begin,
      bytes: end - begin,
      sha256: sha256(hashes.get(own) ?? []),
    }));
    const byPlace = expected.tensors.toSorted((a, b) => a.position - b.position);
    expect(tensors).toEqual(
      byPlace.map(({ name: own, dims, typeName, position, bytes, sha256: hash }) => ({
        name: own,
        dims,
        typeName,
        position,
        bytes,
        sha256: hash,
      })),
    );
  });

  it.each(names.filter((name) => index[name]!.expect === "refuse"))("refuses %s", async (name) => {
    const error = await rejection(openGguf(new DiskFolder(path), `${name}.gguf`));
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toContain("big-endian");
  });

  it.each([1, 13, 4096])(
    "reads the same header from chunks of %i bytes, of unknown size",
    async (chunkBytes) => {
      const file = readBytes(join(path, "micro-llama.gguf"));
      const folder = new ChunkedFolder({ "m.gguf": file }, chunkBytes);
      const model = await openGguf(folder, "m.gguf");
      const whole = await openGguf(new DiskFolder(path), "micro-llama.gguf");
      expect(model.metadata).toEqual(whole.metadata);
      expect(listTensors(model)).toEqual(listTensors(whole));
      const rows = await collect(readGgufRows(folder, model, { pieceBytes: 100 }));
      for (const { tensor, firstRow, bytes } of rows) {
        const begin =
          tensor.begin +
          (firstRow * (tensor.end - tensor.begin)) / (tensor.shape.length > 1 ? tensor.shape[0]! : 1);
        expect(bytes).toEqual(file.slice(begin, begin + bytes.length));
      }
      expect(folder.openFiles).toBe(0);
    },
  );
});

describe.each(ggufFolders("metadata").slice(1))("a split model of $name", ({ path }) => {
  interface ExpectedSplit {
    readonly tensors: number;
    readonly parts: readonly { readonly file: string; readonly tensors: readonly ExpectedTensor[] }[];
  }
  const folder = new DiskFolder(join(path, "split"));
  const { parts, tensors: count } = readJsonFile<ExpectedSplit>(join(path, "split", "expected.json"));

  it.each(parts.map(({ file }) => file))("is found from %s", async (file) => {
    const model = await openGguf(folder, file);
    const tensors = listTensors(model);
    expect(tensors).toHaveLength(count);
    expect(model.metadata.get("general.architecture")).toEqual({ type: "string", value: "llama" });
    const found = new Map<string, Uint8Array[]>();
    for (const { tensor, bytes } of await collect(readGgufRows(folder, model, { pieceBytes: 1000 })))
      found.set(tensor.name, [...(found.get(tensor.name) ?? []), bytes]);
    for (const { name, sha256: hash } of parts.flatMap((part) => part.tensors))
      expect(sha256(found.get(name)!), name).toBe(hash);
  });

  it("tells parts that were glued together as such", async () => {
    const bytes = parts.map(({ file }) => readBytes(join(path, "split", file)));
    const glued = new Uint8Array(Buffer.concat(bytes));
    const error = await rejection(openGguf(new ChunkedFolder({ "model.gguf": glued }, 5000), "model.gguf"));
    expect((error as Error).message).toContain("several glued together");
    const alone = new ChunkedFolder({ "model.gguf": bytes[0]! }, 5000);
    expect(((await rejection(openGguf(alone, "model.gguf"))) as Error).message).toContain(
      "a name that says which of 3 parts it is",
    );
  });
});
