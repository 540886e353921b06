// Checks the key of a request.
import { ApiFailure } from "./failure.js";

/** @throws ApiFailure unless the request has one of the keys, or none is asked for. */
export function checkKey(request: Request, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const [, given = ""] = /^Bearer +(.+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  // All of them are compared: how long it takes does not tell which one was nearly right.
  const found = keys.map((key) => isSame(given, key)).filter(Boolean);
  if (given !== "" && found.length > 0) return;
  throw new ApiFailure({
    status: 401,
    message:
      given === ""
        ? 'No API key was given. Pass it as "Authorization: Bearer KEY".'
        : "The API key that was given is not one of this server's.",
    code: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}

/** Compares all bytes of the longer text, wherever they differ first. */
function isSame(given: string, key: string): boolean {
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(given), encoder.encode(key)];
  let difference = a.length ^ b.length;
  for (let at = 0; at < Math.max(a.length, b.length); at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}
