// How much of a text has to be held back while it is written, because it may be the beginning of a marker.

/** The length of the longest end of `text` that begins one of `markers` without being all of it. */
export function heldEnd(text: string, markers: readonly string[]): number {
  let longest = 0;
  for (const marker of markers)
    for (let length = Math.min(marker.length - 1, text.length); length > longest; length--)
      if (text.endsWith(marker.slice(0, length))) longest = length;
  return longest;
}
