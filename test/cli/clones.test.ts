import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable, schema } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { varve } from "../support/cli.ts";

it("a log that names files of another folder is read below --allowed-prefix only", async () => {
  const folder = freshFolder();
  {
    await using table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    await table.append([{ id: 7 }]);
    await table.clone(join(folder, "c"));
  }
  // A copy of a clone has no mark of its own that it was made by varve.
  const copy = join(folder, "copy");
  cpSync(join(folder, "c"), copy, { recursive: true });
  const refused = await varve("show", copy, "--format", "csv");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--allowed-prefix") as string });
  const elsewhere = join(folder, "elsewhere");
  const prefixes = ["--allowed-prefix", elsewhere, "--allowed-prefix", join(folder, "t")];
  expect(await varve("show", copy, "--format", "csv", ...prefixes.slice(0, 2))).toMatchObject({ code: 1 });
  expect((await varve("show", copy, "--format", "csv", ...prefixes)).stdout).toBe("id\n7\n");
  const sum = await varve(
    "sql",
    "SELECT sum(id) AS n FROM c",
    "--table",
    `c=${copy}`,
    "--format",
    "json",
    ...prefixes,
  );
  expect(JSON.parse(sum.stdout)).toMatchObject([{ rows: [{ n: 7 }] }]);
  const byPath = await varve("sql", `DELETE FROM delta.\`${copy}\``, "--format", "json", ...prefixes);
  expect(JSON.parse(byPath.stdout)).toMatchObject([{ outcome: "committed", version: 1 }]);
});
