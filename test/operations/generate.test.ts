import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import { schema } from "../../src/schema/builder.ts";
import { decodeLogPath } from "../../src/schema/paths.ts";
import { actionsOf, filesBelow, freshFolder } from "./table-folder.ts";

const manifests = (folder: string) => filesBelow(folder).filter((file) => file.endsWith("/manifest"));

/** The files that a commit added, as a manifest names them. */
function added(folder: string, version: number): string[] {
  return actionsOf(folder, version, "add").map(({ path }) => {
    const decoded = decodeLogPath(String(path));
    return `file:${join(folder, decoded.kind === "relative" ? decoded.path : "")}`;
  });
}

describe("manifests of a table", () => {
  it("name the files of each partition, and go with it", async () => {
    const folder = join(freshFolder(), "a table");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      source: [
        { id: 1, p: "x y%/ü" },
        { id: 2, p: null },
      ],
    });
    expect(await table.generate("symlink_format_manifest")).toEqual({
      version: 0,
      manifests: 2,
      files: 2,
      manifestsRemoved: 0,
    });
    expect(manifests(folder)).toEqual([
      "_symlink_format_manifest/p=__HIVE_DEFAULT_PARTITION__/manifest",
      "_symlink_format_manifest/p=x y%25%2Fü/manifest",
    ]);
    const lines = manifests(folder).flatMap((file) =>
      readFileSync(join(folder, file), "utf8").trimEnd().split("\n"),
    );
    expect(lines.sort()).toEqual(added(folder, 0).sort());
    await table.delete("p IS NULL");
    const [result] = await runSql("GENERATE symlink_format_manifest FOR TABLE t", { tables: { t: table } });
    expect(result).toMatchObject({ outcome: "unchanged", version: 1, metrics: { manifestsRemoved: 1 } });
    expect(manifests(folder)).toEqual(["_symlink_format_manifest/p=x y%25%2Fü/manifest"]);
  });

  it("of a table without partitions are one, empty where there are no files", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    await table.generate("symlink_format_manifest");
    const file = join(folder, "t/_symlink_format_manifest/manifest");
    expect(readFileSync(file, "utf8")).toBe("");
    await table.append([{ id: 1 }]);
    await table.append([{ id: 2 }]);
    await table.generate("symlink_format_manifest");
    expect(readFileSync(file, "utf8").trimEnd().split("\n").sort()).toEqual(
      [...added(join(folder, "t"), 1), ...added(join(folder, "t"), 2)].sort(),
    );
    await table.clone(join(folder, "c"));
    const [shallow] = await runSql(
      `GENERATE symlink_format_manifest FOR TABLE delta.\`${join(folder, "c")}\``,
    );
    expect(shallow).toMatchObject({ metrics: { files: 2 } });
    expect(readFileSync(join(folder, "c/_symlink_format_manifest/manifest"), "utf8")).toContain(
      `file:${join(folder, "t")}/`,
    );
  });

  it("are refused where files alone do not say what the rows are", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), {
      schema: schema().long("id"),
      properties: { "delta.enableDeletionVectors": "true" },
      source: [{ id: 1 }, { id: 2 }],
    });
    await table.generate("symlink_format_manifest");
    await table.delete("id = 1");
    await expect(table.generate("symlink_format_manifest")).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["deletionVectors"] },
    });
    await using mapped = await createTable(join(folder, "m"), {
      schema: schema().long("id"),
      properties: { "delta.columnMapping.mode": "name" },
    });
    await expect(mapped.generate("symlink_format_manifest")).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["columnMapping"] },
    });
    await expect(runSql("GENERATE other FOR TABLE t", { tables: { t: table } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { found: "other" },
    });
    expect(manifests(join(folder, "m"))).toEqual([]);
  });
});
