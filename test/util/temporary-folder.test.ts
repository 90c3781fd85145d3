import { existsSync } from "node:fs";
import { expect, it, vi } from "vitest";
import { freshFolder } from "../operations/table-folder.ts";

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  readdirSync: () => {
    throw Object.assign(new Error("EACCES: permission denied, scandir"), { code: "EACCES" });
  },
}));

it("a temporary folder is made where the folder above it may be written and not listed", async () => {
  const { makeTemporaryFolder, removeTemporaryFolder } = await import("../../src/util/temporary-folder.ts");
  const folder = makeTemporaryFolder(freshFolder());
  expect(existsSync(folder)).toBe(true);
  await removeTemporaryFolder(folder);
});
