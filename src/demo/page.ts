// The elements of index.html that the page works with.

export interface PageElements {
  readonly form: HTMLFormElement;
  readonly batchField: HTMLElement;
  readonly linesField: HTMLElement;
  readonly run: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly progress: HTMLProgressElement;
  readonly status: HTMLElement;
  readonly adapter: HTMLElement;
  readonly results: HTMLElement;
  readonly figures: HTMLElement;
  readonly timeline: HTMLElement;
  readonly sentences: HTMLElement;
  readonly savePicture: HTMLButtonElement;
  readonly saveTrace: HTMLButtonElement;
}

export function findElements(): PageElements {
  return {
    form: find("job", HTMLFormElement),
    batchField: find("field-batch", HTMLElement),
    linesField: find("field-lines", HTMLElement),
    run: find("run", HTMLButtonElement),
    cancel: find("cancel", HTMLButtonElement),
    progress: find("progress", HTMLProgressElement),
    status: find("status", HTMLElement),
    adapter: find("adapter", HTMLElement),
    results: find("results", HTMLElement),
    figures: find("figures", HTMLElement),
    timeline: find("timeline", HTMLElement),
    sentences: find("sentences", HTMLElement),
    savePicture: find("save-picture", HTMLButtonElement),
    saveTrace: find("save-trace", HTMLButtonElement),
  };
}

function find<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`index.html has no ${kind.name} with the id ${id}`);
}
