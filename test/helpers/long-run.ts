// How thorough a run of the tests is: `npm test -- --long` tries more random cases.

/** `usual` random cases, or `long` of them in a long run. */
export function caseCount({ usual, long }: { readonly usual: number; readonly long: number }): number {
  return isLongRun() ? long : usual;
}

/** Whether everything runs. */
export function isLongRun(): boolean {
  return process.env["WEFT_LONG"] === "1";
}
