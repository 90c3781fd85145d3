import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const vectors = { "delta.enableDeletionVectors": "true" };
const every = {
  ...vectors,
  "delta.enableRowTracking": "true",
  "delta.columnMapping.mode": "name",
  "delta.enableChangeDataFeed": "true",
};

async function source(path: string, properties: Readonly<Record<string, string>>) {
  const table = await createTable(path, {
    schema: schema().long("id").string("p").double("x"),
    partitionBy: ["p"],
    properties,
  });
  await table.append({
    sql: "SELECT i AS id, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'a b%20=ü' ELSE 'c/d' END AS p, i / 4 AS x FROM range(300) AS r(i)",
  });
  await table.delete("id % 10 = 3");
  await table.update({ set: { x: "-x" }, where: "id BETWEEN 50 AND 60" });
  return table;
}

describe.each([
  ["plain", {}],
  ["with vectors", vectors],
  ["with vectors, mapped names, row ids and the feed", every],
])("a clone, %s", (name, properties) => {
  test("made shallow is read and continued by Spark, and its source stays", async () => {
    const [from, to] = [join(folder, `${name} t`), join(folder, `${name} shallow`)];
    await using table = await source(from, properties);
    await table.clone(to);
    await expectAgreement(to);
    await peers.sql(to, "DELETE FROM {table} WHERE id < 20", "INSERT INTO {table} VALUES (1000, 'c/d', 1)");
    await peers.sql(to, "UPDATE {table} SET x = 7 WHERE id BETWEEN 100 AND 110");
    await using clone = await openTable(to);
    await clone.delete("id = 200");
    await clone.optimize();
    await expectAgreement(to);
    await expectAgreement(from);
    expect((await clone.count()) + (await table.count())).toBe(270 + 270 - 18 + 1 - 1);
  });

  test("made deep is read and continued by Spark without its source", async () => {
    const [from, to] = [join(folder, `${name} t 2`), join(folder, `${name} deep`)];
    await using table = await source(from, properties);
    await table.clone(to, { deep: true });
    renameSync(from, `${from} gone`);
    await peers.sql(to, "DELETE FROM {table} WHERE id < 20");
    await expectAgreement(to);
  });
});

test("a shallow clone that Spark made is read where its source is allowed, cloned and continued", async () => {
  const [from, to, second] = [join(folder, "of spark"), join(folder, "by spark"), join(folder, "again")];
  await using table = await source(from, vectors);
  await peers.sql(from, `CREATE TABLE delta.\`${to}\` SHALLOW CLONE {table}`);
  await using clone = await openTable(to, { allowedPrefixes: [from] });
  await clone.delete("id = 200");
  await clone.clone(second);
  expect(await (await openTable(second)).count()).toBe(269);
  expect(await table.count()).toBe(270);
  await expectAgreement(second);
});

async function expectAgreement(path: string): Promise<void> {
  for (let version = await latestVersion(path); version >= 0; version--) {
    const ours = await versionRows(path, version);
    const theirs = await peers.read("spark", path, version);
    expect(canonicalRows(theirs.rows, ours.schema), `version ${version}`).toEqual(
      canonicalRows(ours.rows, ours.schema),
    );
  }
}
