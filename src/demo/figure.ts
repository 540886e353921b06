// Creates the figures that the page shows: a name, a value and a note.

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

export function renderFigure({ name, value, note }: Figure): HTMLElement {
  const box = document.createElement("div");
  box.append(create("dt", name), create("dd", value), create("dd", note, "note"));
  return box;
}

export function create(name: string, text: string, className: string = ""): HTMLElement {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}
