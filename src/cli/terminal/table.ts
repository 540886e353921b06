// Tables for a terminal.

/** Rows with columns of one width each: the first `numbers` columns to the right, the others to the left. */
export function alignColumns(rows: readonly (readonly string[])[], numbers: number = Infinity): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const align = (cell: string, column: number): string =>
    column < numbers ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return rows.map((row) => row.map(align).join("  ").trimEnd());
}
