import { existsSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { freshFolder } from "../operations/table-folder.ts";

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  readdirSync: () => {
    throw Object.assign(new Error("EACCES: permission denied, scandir"), { code: "EACCES" });
  },
}));

const busy = vi.hoisted(() => ({ is: false }));

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const rm: typeof real.rm = async (...parameters) => {
    if (busy.is) throw Object.assign(new Error("EBUSY: resource busy, rm"), { code: "EBUSY" });
    return real.rm(...parameters);
  };
  return { ...real, rm };
});

it("a temporary folder that cannot be removed hides no result, and goes when the process ends", async () => {
  const { makeTemporaryFolder, removeTemporaryFolder, removeTemporaryFolders } = await import(
    "../../src/util/temporary-folder.ts"
  );
  const folder = makeTemporaryFolder(freshFolder());
  busy.is = true;
  await removeTemporaryFolder(folder);
  busy.is = false;
  expect(existsSync(folder)).toBe(true);
  removeTemporaryFolders();
  expect(existsSync(folder)).toBe(false);
});

it("a temporary folder is made where the folder above it may be written and not listed", async () => {
  const { makeTemporaryFolder, removeTemporaryFolder } = await import("../../src/util/temporary-folder.ts");
  const folder = makeTemporaryFolder(freshFolder());
  expect(existsSync(folder)).toBe(true);
  await removeTemporaryFolder(folder);
});
