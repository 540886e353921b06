// The panel that chooses the model: the embedded one, one from a URL, or a folder that is chosen or dropped anywhere.
import { entriesOf, filesIn, readModelFiles } from "./model-files.js";
import { showStatus, type ModelElements } from "../page.js";
import type { Session } from "../session.js";

export function connectModel(elements: ModelElements, session: Session): void {
  const { form, url, choose, files, status } = elements;

  const tell = (): void =>
    showStatus(status, `The panels use ${session.name}. It is loaded when it is needed.`);
  const useFiles = async (choosing: Promise<readonly File[]>, folder?: string): Promise<void> => {
    // A folder may be dropped anywhere, so the panel in which its fate is told has to be seen.
    form.closest("details")?.setAttribute("open", "");
    try {
      const { name, ...parts } = await readModelFiles(await choosing, folder);
      session.use(parts, name);
      tell();
    } catch (error) {
      showStatus(status, (error as Error).message, true);
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    useUrl();
  });
  choose.addEventListener("click", () => files.click());
  files.addEventListener("change", () => void useFiles(Promise.resolve([...(files.files ?? [])])));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const entries = event.dataTransfer ? entriesOf(event.dataTransfer) : [];
    // A text or a picture of the page itself may be dropped too.
    if (entries.length === 0) return;
    const dropped = Promise.all(entries.map(filesIn)).then((found) => found.flat());
    void useFiles(dropped, entries.find(({ isDirectory }) => isDirectory)?.name);
  });
  // A link to the page may name a model.
  if (url.value.trim() !== "") useUrl();

  function useUrl(): void {
    const address = url.value.trim();
    if (address === "") session.useEmbedded();
    else if (URL.canParse(address, document.baseURI)) {
      // With a slash at the end, so that files are looked for inside it.
      const folder = new URL(address.endsWith("/") ? address : `${address}/`, document.baseURI);
      session.use(folder, folder.pathname.split("/").at(-2) || folder.host);
    } else
      return showStatus(
        status,
        "This is no URL. It should be that of a folder with config.json in it.",
        true,
      );
    tell();
  }
}
