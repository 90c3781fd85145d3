import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import { varveHere as varve } from "../support/cli-here.ts";

it("pins are added, listed, checked and removed, with exit codes that say how it went", async () => {
  const folder = join(freshFolder(), "t\nu");
  await using table = await createTable(folder, { source: [{ id: 1 }] });
  await table.append([{ id: 2 }]);
  const added = await varve("pin", "add", folder, "m.7", "--version", "0", "--owner", "ann", "--json");
  expect(JSON.parse(added.stdout)).toMatchObject({
    outcome: "pinned",
    name: "m.7",
    version: 0,
    owner: "ann",
  });
  const again = await varve("pin", "add", `${folder}@v0`, "m.7");
  expect(again).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^nothing changed: m\.7 keeps version 0/),
  });
  expect(await varve("pin", "add", folder, "m.7")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("[PIN_EXISTS]"),
  });
  expect(await varve("pin", "add", folder, "v7")).toMatchObject({ code: 2 });
  expect(await varve("pin", "add", `${folder}@v0`, "w", "--version", "1")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("names a version, and so does --version"),
  });
  expect(await varve("pin", "add", folder, "w", "--expires", "12")).toMatchObject({
    code: 2,
    stderr: 'varve: "12" is not a time. Write it as 2024-06-01T00:00:00Z. [INVALID_ARGUMENT]\n',
  });
  const json = await varve("pin", "list", folder, "--json");
  expect(JSON.parse(json.stdout)).toMatchObject([{ name: "m.7", version: 0 }]);
  const listFile = join(freshFolder(), "pins.csv");
  await varve("pin", "list", folder, "--json", "--output", listFile);
  expect(readFileSync(listFile, "utf8")).toBe(json.stdout);
  const listed = await varve("pin", "list", folder, "--format", "csv");
  expect(listed.stdout).toMatch(/^name,version,.*\nm\.7,0,/);
  expect((await varve("show", `${folder}@m.7`, "--format", "csv")).stdout).toBe("id\n1\n");
  const [file = ""] = dataFiles(join(folder, "_pins/m.7"));
  rmSync(join(folder, "_pins/m.7", file));
  expect(await varve("pin", "check", folder)).toMatchObject({
    code: 1,
    stdout: `m.7 (version 0): damaged\n  ${file}: missing\n`,
  });
  expect(await varve("pin", "check", folder, "--repair")).toMatchObject({
    code: 0,
    stdout: `m.7 (version 0): repaired\n  ${file}: missing, put back\n`,
  });
  expect(await varve("pin", "remove", folder)).toMatchObject({ code: 2 });
  expect(await varve("pin", "remove", folder, "--expired")).toMatchObject({
    code: 0,
    stdout: "nothing removed: no pin has expired\n",
  });
  expect(await varve("pin", "remove", folder, "m.7")).toMatchObject({ code: 0 });
  expect(await varve("show", `${folder}@m.7`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("PIN_NOT_FOUND"),
  });
});
