import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { predicateFromSql } from "../../src/table/scan/predicate-from-sql.ts";
import { planScan } from "../../src/table/scan/scan.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { field, HandMadeTable, newSession } from "./hand-made-table.ts";

let session: Session;
let source: HandMadeTable;
let cache: string;

beforeEach(async () => {
  session = await newSession();
  source = new HandMadeTable();
  cache = mkdtempSync(join(tmpdir(), "varve-remote-scan-"));
});

afterEach(async () => {
  await session.close();
  source.remove();
  rmSync(cache, { recursive: true, force: true });
});

describe("scans of a store that is not local disk", () => {
  it("fetch the files that conditions leave, and no others", async () => {
    source.create([field("id", "long")]);
    const names = ["a", "b", "c"];
    const adds = [];
    for (const [at, name] of names.entries()) {
      const stats = JSON.stringify({
        numRecords: 10,
        minValues: { id: at * 10 },
        maxValues: { id: at * 10 + 9 },
        nullCount: { id: 0 },
      });
      adds.push(
        await source.add(session, `${name}.parquet`, `SELECT range + ${at * 10} AS id FROM range(10)`, {
          stats,
        }),
      );
    }
    source.commit(...adds);
    const opened = await openContext("memory://remote-scan/table", { cache: { folder: cache } });
    const paths = [
      ...names.map((name) => `${name}.parquet`),
      ...[0, 1].map((version) => `_delta_log/${String(version).padStart(20, "0")}.json`),
    ];
    for (const path of paths) await opened.store.put(path, readFileSync(join(source.folder, path)));
    const fetched: string[] = [];
    const context = {
      ...opened,
      localFile: (path: string) => {
        fetched.push(path);
        return opened.localFile(path);
      },
    };
    const snapshot = await openLog(context);
    const scan = await planScan(session, snapshot, {
      predicate: await predicateFromSql(session, "id BETWEEN 12 AND 15", snapshot.schema),
    });
    expect(
      await session.rows(
        unchecked(`SELECT count(*)::INTEGER AS n FROM (${scan.sql}) WHERE id BETWEEN 12 AND 15`),
      ),
    ).toEqual([{ n: 4 }]);
    expect(fetched).toEqual(["b.parquet"]);
    expect(scan.report).toEqual({ filesListed: 3, filesSkipped: 2, filesRead: 1, bytes: adds[1]?.add.size });
    await opened.store.delete("c.parquet");
    await expect(planScan(session, snapshot)).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      data: { path: "c.parquet" },
    });
  });
});
