// A small http server on 127.0.0.1 for headless pages: serves folders by address, and an empty page at "/".
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import sirv from "sirv";

export interface Server {
  /** "http://127.0.0.1:<port>": a secure context, so that pages have WebGPU. */
  readonly origin: string;
  close(): Promise<void>;
}

const emptyPage = '<!doctype html><meta charset="utf-8"><title>weft</title><link rel="icon" href="data:,">';

/** Serves each folder under its address: { "/": "dist", "/model/": "some/folder" }. The longest address wins. */
export async function serve(folders: Readonly<Record<string, string>>): Promise<Server> {
  const mounts = Object.entries(folders)
    .map(([address, folder]) => ({ address, handle: sirv(folder) }))
    .toSorted((a, b) => b.address.length - a.address.length);
  const server = createServer((request, response) => {
    const url = request.url ?? "/";
    // An isolated page has shared memory, which other runtimes' threads need.
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    const answerOtherwise = (): void => {
      if (url === "/") response.writeHead(200, { "content-type": "text/html" }).end(emptyPage);
      else response.writeHead(404).end();
    };
    const mount = mounts.find(({ address }) => url.startsWith(address));
    if (!mount) return answerOtherwise();
    request.url = url.slice(mount.address.length - 1);
    mount.handle(request, response, answerOtherwise);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
