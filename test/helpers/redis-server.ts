// A Redis of a test's own: on a free port, in a folder of its own, and gone when the test has ended.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Kills it. */
  stop(): Promise<void>;
  /** Starts it once more, with what it had. */
  start(): Promise<void>;
}

/** The server that the set-up found, or why there is none; in CI there must be one. */
export function findRedisServer(): { readonly path: string } | { readonly missing: string } {
  const path = process.env["WEFT_REDIS"];
  if (path) return { path };
  const missing = process.env["WEFT_REDIS_MISSING"] ?? "npm test looks for a Redis server";
  if (process.env["WEFT_CI"]) throw new Error(`CI must have a Redis server: ${missing}`);
  return { missing };
}

export async function startRedis(path: string): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "weft-redis-"));
  const port = await findPort();
  let child: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  };
  const start = async (): Promise<void> => {
    child = launch(path, port, folder);
    await untilReady(child);
  };
  const dispose = async (): Promise<void> => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, stop, start, [Symbol.asyncDispose]: dispose };
}

/** What it is told is on the disk before it answers. */
function launch(path: string, port: number, folder: string): ChildProcess {
  const { WEFT_REDIS_LIBRARIES, LD_LIBRARY_PATH } = process.env;
  const libraries = [WEFT_REDIS_LIBRARIES, LD_LIBRARY_PATH].filter(Boolean).join(":");
  return spawn(
    path,
    `--port ${port} --bind 127.0.0.1 --dir ${folder} --appendonly yes --appendfsync always`.split(" "),
    { env: { ...process.env, LD_LIBRARY_PATH: libraries }, stdio: ["ignore", "pipe", "pipe"] },
  );
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function untilReady(child: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (text: string): void => {
      said += text;
      if (said.includes("Ready to accept connections")) resolve();
    };
    child.stdout!.setEncoding("utf8").on("data", hear);
    child.stderr!.setEncoding("utf8").on("data", hear);
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`Redis ended with ${code}: ${said}`)));
  });
}
