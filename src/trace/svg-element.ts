// Writes SVG as text. Attributes and text are escaped, so no title can break the picture.

export type Attributes = Readonly<Record<string, string | number>>;

/** `children` are markup. Pass text through `escapeText` first. */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? formatNumber(value) : escapeText(value)}"`,
  );
  const open = `<${name}${written.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join("")}</${name}>`;
}

export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, [escapeText(words)]);
}

export function escapeText(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Rounded to hundredths of a pixel, which is finer than anybody sees. */
export function formatNumber(value: number): string {
  return String(Math.round(value * 100) / 100);
}
