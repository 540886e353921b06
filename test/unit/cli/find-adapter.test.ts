// Which drivers the set-up tries, and that one that gives nothing is passed over.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { listDrivers, tryDrivers } from "../../../src/cli/setup/find-adapter.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "weft-drivers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const broken = join(folder, "broken.json");
const driver = { library_path: join(folder, "nothing.so"), api_version: "1.3.0" };
writeFileSync(broken, JSON.stringify({ file_format_version: "1.0.0", ICD: driver }));
writeFileSync(join(folder, "vk_swiftshader_icd.json"), "{}");

const names = (...given: Parameters<typeof listDrivers>): string[] =>
  listDrivers(...given).map(({ name }) => name);

describe("drivers", () => {
  it("are the system's, then those of software", () => {
    const lavapipe = { icd: "lvp.json", libraries: "lib" };
    const known = { folders: [folder], chromium: join(folder, "chromium"), lavapipe };
    expect(names({}, known)).toEqual([
      "this system's driver",
      "Chromium's software driver",
      "lavapipe, Mesa's software driver",
    ]);
    expect(listDrivers({ LD_LIBRARY_PATH: "/own" }, known)[1]!.env).toEqual({
      VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
      LD_LIBRARY_PATH: `/own:${folder}`,
      XDG_RUNTIME_DIR: "/tmp",
    });
    // A folder without drivers is none.
    expect(names({}, { ...known, folders: [join(folder, "none")] })[0]).toBe("Chromium's software driver");
  });

  it("are only the one that the environment names", () => {
    expect(names({ VK_ICD_FILENAMES: broken }, { folders: [folder] })).toEqual([
      `the driver that the environment names (${broken})`,
    ]);
  });

  it("that give no adapter are passed over, and told", () => {
    const env = { PATH: process.env["PATH"] };
    const bad = { name: "bad", env: { VK_ICD_FILENAMES: broken } };
    expect(tryDrivers([bad], env, root)).toEqual({ tried: ["bad"] });
    // What these tests run on works.
    const good = { name: "good", env: {} };
    const { driver: taken, tried, adapter } = tryDrivers([bad, good], process.env, root);
    expect(tried).toEqual(["bad"]);
    expect(taken).toBe(good);
    expect(adapter).not.toBe("");
  });
});
