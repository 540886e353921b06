// File names of models in several parts: "name-00001-of-00003.gguf".

/** Parts are numbered from 1 on. */
const pattern = /-(\d{5})-of-(\d{5})(?!\d)/;

export interface SplitName {
  /** From 0 on. */
  readonly index: number;
  readonly count: number;
}

/** Which part of how many a file's name says it is. Undefined if it says nothing of parts. */
export function parseSplitName(fileName: string): SplitName | undefined {
  const [, number, count] = pattern.exec(fileName) ?? [];
  if (number === undefined) return undefined;
  const split = { index: Number(number) - 1, count: Number(count) };
  return split.index >= 0 && split.index < split.count ? split : undefined;
}

/** The name of another part. */
export function partName(fileName: string, index: number): string {
  return fileName.replace(
    pattern,
    (_, _number, count: string) => `-${String(index + 1).padStart(5, "0")}-of-${count}`,
  );
}
