// Disables buttons without losing the keyboard focus.

/** The button that had the focus when it was disabled. */
let left: HTMLButtonElement | undefined;

/**
 * Disables or enables a button. If a button that has the focus is disabled, the focus moves to `heir`. Without one it returns
 * when the button is enabled again, unless it is elsewhere by then.
 */
export function setDisabled(button: HTMLButtonElement, isDisabled: boolean, heir?: HTMLButtonElement): void {
  if (button.disabled === isDisabled) return;
  const hadFocus = document.activeElement === button;
  button.disabled = isDisabled;
  if (isDisabled && hadFocus) {
    if (heir) heir.focus({ preventScroll: true });
    else left = button;
  } else if (!isDisabled && left === button) {
    left = undefined;
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}
