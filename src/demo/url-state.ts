// What is chosen on the page is in its address: a link or a bookmark brings it back. Only what differs from the page's own
// choices, and nothing before something was changed.

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** Fills the forms from the address, then keeps the address as the forms are. Call before anything reads the forms. */
export function keepInAddress(forms: readonly HTMLFormElement[]): void {
  const given = new URLSearchParams(location.search);
  for (const field of fieldsOf(forms)) {
    const value = given.get(field.name);
    if (value === null) continue;
    if (isRadio(field)) field.checked = field.value === value;
    // A choice that does not exist would leave the field empty.
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
