// Offers a file for download.

export function download(name: string, type: string, content: BlobPart): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  // Later, because the browser begins to read after this returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
