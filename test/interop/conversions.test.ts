import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { convertTable } from "../../src/api/convert-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { latestVersion } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

test("a folder that Spark wrote, partitioned by folders, becomes a table that Spark and varve read and continue alike", async () => {
  const path = join(folder, "by day");
  await peers.sql(
    join(folder, "any"),
    `CREATE TABLE files (id LONG, s STRUCT<a: INT, b: ARRAY<STRING>>, m MAP<STRING, DECIMAL(20, 3)>, t TIMESTAMP, n TIMESTAMP_NTZ, f FLOAT, b BINARY,
      d DATE, k STRING) USING parquet PARTITIONED BY (d, k) LOCATION '${path}'`,
    `INSERT INTO files SELECT id, named_struct('a', INT(id), 'b', array('x', NULL)), map('k', DECIMAL(id) / 8), TIMESTAMP'1899-01-01 00:00:00Z' + make_interval(0, 0, 0, INT(id)),
      TIMESTAMP_NTZ'2024-01-01 10:00:00.123456', IF(id = 3, FLOAT('NaN'), FLOAT(id)), CAST('x' AS BINARY), IF(id % 2 = 0, DATE'2024-01-31', NULL), concat('a b%/=ü', id % 3)
      FROM range(20)`,
  );
  expect(await convertTable(path, { partitionBy: ["d date", "k string"] })).toMatchObject({ rows: 20 });
  await expectAgreement(path);
  await peers.sql(
    path,
    "DELETE FROM {table} WHERE id < 3",
    "UPDATE {table} SET f = 1 WHERE d IS NULL AND id > 10",
  );
  await using table = await openTable(path);
  await table.delete("k = 'a b%/=ü1' AND id = 4");
  await table.optimize();
  await expectAgreement(path);
  const deltalake = await peers.read("deltalake", path, await latestVersion(path));
  expect(deltalake.rows.length).toBe(16);
});
