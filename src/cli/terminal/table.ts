// Formats tables for a terminal.

/** Pads the columns of `rows` to equal widths: the first `numbers` columns are right-aligned, the others left-aligned. */
export function alignColumns(rows: readonly (readonly string[])[], numbers: number = Infinity): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const align = (cell: string, column: number): string =>
    column < numbers ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(align).join("  ").trimEnd());
}
