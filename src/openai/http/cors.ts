// Lets pages of other origins call, where the options say so. Without them, browsers let none.

/** The headers that a response to this request gets. */
export function corsHeaders(request: Request, origins: readonly string[]): Readonly<Record<string, string>> {
  const origin = request.headers.get("origin");
  if (origin === null || origins.length === 0) return {};
  if (origins.includes("*")) return { "access-control-allow-origin": "*" };
  if (!origins.includes(origin)) return { vary: "Origin" };
  return { "access-control-allow-origin": origin, vary: "Origin" };
}

/** The answer to a browser that asks whether a page may call. */
export function answerPreflight(request: Request, origins: readonly string[]): Response {
  const own = corsHeaders(request, origins);
  const isAllowed = "access-control-allow-origin" in own;
  const asked = request.headers.get("access-control-request-headers");
  return new Response(null, {
    status: isAllowed ? 204 : 403,
    headers: isAllowed
      ? {
          ...own,
          "access-control-allow-methods": "GET, POST, OPTIONS",
          "access-control-allow-headers": asked ?? "authorization, content-type",
          "access-control-max-age": "600",
        }
      : own,
  });
}
