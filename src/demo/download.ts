// Gives a person a file.

export function download(name: string, type: string, content: BlobPart): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  // Later: the browser begins to read after this returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
