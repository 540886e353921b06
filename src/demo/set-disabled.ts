// Buttons that come and go with what the page does, without taking the keyboard's place along.

/** The button that had the focus when it was disabled. */
let left: HTMLButtonElement | undefined;

/**
 * Disables or enables a button. Where it has the focus, that goes to `heir`; without one it comes back with the button,
 * unless it went elsewhere meanwhile.
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
