// The form of the page: which field is shown, what can be submitted, and the request that it describes.
import type { Fence } from "../index.js";
import type { JobRequest } from "../jobs/score.js";
import type { PageElements } from "./page.js";

/** Shows the field for the chosen source of sentences, and marks it as invalid if it is empty. */
export function connectControls({ form, batchField, linesField }: PageElements): void {
  const lines = linesField.querySelector("textarea")!;
  const batch = batchField.querySelector("input")!;
  const update = (): void => {
    const isOwn = new FormData(form).get("source") === "own";
    linesField.hidden = !isOwn;
    batchField.hidden = isOwn;
    // A hidden field must not prevent submitting.
    batch.disabled = isOwn;
    const isEmpty = isOwn && splitLines(lines.value).length === 0;
    lines.setCustomValidity(isEmpty ? "Write at least one sentence." : "");
  };
  form.addEventListener("input", update);
  // Browsers restore the fields when a page is reloaded.
  update();
}

/** The request that the form describes. `prompts` are used if the story prompts are chosen. */
export function readRequest(form: HTMLFormElement, prompts: readonly string[]): JobRequest {
  const data = new FormData(form);
  const isOwn = data.get("source") === "own";
  return {
    texts: isOwn ? splitLines(data.get("lines") as string) : prompts.slice(0, Number(data.get("batch"))),
    sliceTokens: Number(data.get("sliceTokens")),
    queues: Number(data.get("queues")),
    fence: data.get("fence") as Fence,
    placement: data.get("placement") as JobRequest["placement"],
  };
}

function splitLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
