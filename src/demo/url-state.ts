// Keeps what is chosen on the page in its address, so that a link or a bookmark restores it. The address contains only what
// differs from the defaults, and does not change before something is changed.

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Fills the forms from the address, then updates the address when they change. Call it before anything reads the forms. */
export function keepInAddress(forms: readonly HTMLFormElement[]): void {
  const given = new URLSearchParams(location.search);
  for (const field of fieldsOf(forms)) {
    const value = given.get(field.name);
    if (value === null) continue;
    if (isRadio(field)) field.checked = field.value === value;
    // An unknown choice would leave the field empty.
    else if (!(field instanceof HTMLSelectElement) || [...field.options].some((own) => own.value === value))
      field.value = value;
  }
  for (const form of forms)
    form.addEventListener("input", () => {
      const chosen = new URLSearchParams();
      for (const field of fieldsOf(forms)) if (isChanged(field)) chosen.set(field.name, field.value);
      const query = chosen.toString();
      history.replaceState(undefined, "", query === "" ? location.pathname : `?${query}`);
    });
}

function fieldsOf(forms: readonly HTMLFormElement[]): Field[] {
  return forms.flatMap((form) =>
    [...form.elements].filter(
      (element): element is Field =>
        (element instanceof HTMLInputElement && element.type !== "file") ||
        element instanceof HTMLSelectElement ||
        element instanceof HTMLTextAreaElement,
    ),
  );
}

function isRadio(field: Field): field is HTMLInputElement {
  return field instanceof HTMLInputElement && field.type === "radio";
}

function isChanged(field: Field): boolean {
  if (isRadio(field)) return field.checked && !field.defaultChecked;
  if (field instanceof HTMLSelectElement) {
    const usual = [...field.options].find((own) => own.defaultSelected) ?? field.options[0];
    return field.value !== usual?.value;
  }
  return field.value !== field.defaultValue;
}
