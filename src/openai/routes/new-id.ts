// Names answers and their parts.

/** A name that no other answer has, such as "chatcmpl-…". */
export function newId(prefix: string): string {
  return `${prefix}${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
