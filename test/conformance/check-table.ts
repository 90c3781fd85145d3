import { expect } from "vitest";
import type { EngineRow, Relation, Session } from "../../src/engine/core/contract.ts";
import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { planChanges } from "../../src/operations/changes/changes.ts";
import type { StructField, StructType } from "../../src/schema/types.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { planScan } from "../../src/table/scan/scan.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../src/util/json.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { canonicalRow } from "./canonical.ts";
import { type ConformanceTable, objectOf, objectsOf } from "./collection.ts";
import { exceptions } from "./exceptions.ts";
import { refusals } from "./refusals.ts";

/** Runs everything that is expected of a table; fails with what differs. */
export async function checkTable(table: ConformanceTable): Promise<void> {
  const { expect: wanted, name } = table;
  const context = await openContext(table.folder);
  const session = await (await context.engine()).open();
  try {
    if (wanted["must_reject"] !== undefined || wanted["error"] !== undefined) {
      await checkRefusal(session, context, name);
      return;
    }
    const latest = await openLog(context);
    await checkSnapshot(latest, wanted);
    await checkRows(session, latest, table);
    const expected = objectOf(wanted["rowsByVersion"]);
    const otherwise = exceptions[name]?.rowsByVersion ?? {};
    expect(
      Object.keys(otherwise).filter((version) => otherwise[version] === expected[version]),
      "exceptions that are none",
    ).toEqual([]);
    await checkVersions(session, context, { ...expected, ...otherwise });
    await checkChanges(session, context, latest, wanted);
    if (wanted["rowTracking"] !== undefined)
      await checkRowTracking(session, latest, objectsOf(wanted["rowTracking"]));
  } finally {
    await session.close();
  }
}

async function checkRefusal(session: Session, context: TableContext, name: string): Promise<void> {
  const failure = await failureOf(async () => {
    const scan = await planScan(session, await openLog(context));
    await session.rows(unchecked(`SELECT count(*) FROM (${scan.sql})`));
  });
  expect(failure, "reading must fail").toBeDefined();
  const code = isVarveError(failure) ? failure.code : String(failure);
  const wanted = refusals[name];
  // A table that is not listed comes from another collection: which of the refusals is the right one is for
  // its reader to judge.
  if (wanted === undefined) expect(Object.values(refusals)).toContain(code);
  else expect({ code }).toEqual({ code: wanted });
}

async function checkSnapshot(latest: LogSnapshot, wanted: JsonObject): Promise<void> {
  const files = await latest.files();
  const found = {
    version: latest.version,
    numFiles: (await files.totals()).files,
    columns: latest.schema.fields.map((field) => field.name),
    partitionColumns: latest.metadata.partitionColumns,
  };
  const { version, numFiles, columns, partitionColumns } = wanted;
  expect(found).toEqual({ version, numFiles, columns, partitionColumns });
  let listed = 0;
  for await (const chunk of files.all()) listed += chunk.length;
  expect(listed, "live files listed one by one").toBe(numFiles);
  const transactions = await latest.appTransactions();
  const versions = Object.fromEntries([...transactions].map(([id, txn]) => [id, Number(txn.version)]));
  expect(versions).toEqual(wanted["txn"] ?? versions);
}

async function checkRows(session: Session, latest: LogSnapshot, table: ConformanceTable): Promise<void> {
  const { rows: count, numFiles } = table.expect;
  if (count === null || count === undefined) {
    // Only the log of such a table is kept.
    if (numFiles === 0) return;
    const failure = await failureOf(() => planScan(session, latest));
    expect({ code: isVarveError(failure) ? failure.code : String(failure) }).toEqual({
      code: "DATA_FILE_MISSING",
    });
    return;
  }
  const scan = await planScan(session, latest);
  expect(Number(await countOf(session, scan.sql)), "rows of the latest version").toBe(count);
  if (table.rows !== undefined) {
    expectSameRows(latest.schema, await session.rows(scan.sql), table.rows());
    expectSameRows(latest.schema, await exportedRows(session, scan), table.rows());
  }
  const groups = table.expect["groups"];
  if (Array.isArray(groups)) {
    const [column = ""] = scan.columns.map((one) => one.name);
    const found = await session.rows(
      unchecked(`SELECT "${column}" AS value, count(*) AS n FROM (${scan.sql}) GROUP BY ALL ORDER BY ALL`),
    );
    expect(found.map((row) => [Number(row["value"]), Number(row["n"])])).toEqual(groups);
  }
}

async function checkVersions(session: Session, context: TableContext, counts: JsonObject): Promise<void> {
  for (const [version, count] of Object.entries(counts)) {
    const read = async (): Promise<number> => {
      const scan = await planScan(session, await openLog(context, { version: Number(version) }));
      return countOf(session, scan.sql);
    };
    if (count === "unavailable") {
      const failure = await failureOf(read);
      expect(
        isVarveError(failure, "VERSION_NOT_FOUND", "DATA_FILE_MISSING", "PATH_OUTSIDE_TABLE"),
        `version ${version}: ${String(failure)}`,
      ).toBe(true);
    } else expect({ version, rows: await read() }).toEqual({ version, rows: count });
  }
}

async function checkChanges(
  session: Session,
  context: TableContext,
  latest: LogSnapshot,
  wanted: JsonObject,
): Promise<void> {
  for (const range of objectsOf(wanted["cdf"])) {
    const { start, end, rows: count, changes, error } = range;
    const options = { from: Number(start), ...(typeof end === "number" ? { to: end } : {}) };
    if (error !== undefined) {
      const failure = await failureOf(() => planChanges(session, context, options));
      expect(
        isVarveError(failure, "CHANGES_RANGE_INVALID", "CHANGES_UNAVAILABLE"),
        `${JSON.stringify(range)}: ${String(failure)}`,
      ).toBe(true);
      continue;
    }
    const found = await planChanges(session, context, options);
    expect(await countOf(session, found.sql), `changes ${String(start)} to ${String(end)}`).toBe(count);
    const schema: StructType = {
      type: "struct",
      fields: [...latest.schema.fields, column("_change_type", "string"), column("_commit_version", "long")],
    };
    if (Array.isArray(changes)) expectSameRows(schema, await session.rows(found.sql), objectsOf(changes));
  }
}

async function checkRowTracking(
  session: Session,
  latest: LogSnapshot,
  wanted: readonly JsonObject[],
): Promise<void> {
  const scan = await planScan(session, latest, { rowTracking: true });
  const rows = await session.rows(
    unchecked(
      `SELECT * EXCLUDE _metadata, _metadata.row_id AS row_id, _metadata.row_commit_version AS row_commit_version FROM (${scan.sql})`,
    ),
  );
  const fields = [...latest.schema.fields, column("row_id", "long"), column("row_commit_version", "long")];
  expectSameRows({ type: "struct", fields }, rows, wanted);
}

/** The rows as the program's lossless JSON-lines export has them. */
async function exportedRows(session: Session, { sql, columns }: Relation): Promise<JsonObject[]> {
  const jsonColumns = columns.filter((one) => one.type === "JSON").map((one) => one.name);
  let text = "";
  for await (const lines of session.jsonLines(sql, { jsonColumns })) text += lines;
  return text.split("\n").flatMap((line) => (line === "" ? [] : [objectOf(parseJson(line))]));
}

function column(name: string, type: "string" | "long"): StructField {
  return { name, type, nullable: true, metadata: {} };
}

function expectSameRows(
  schema: StructType,
  found: readonly (EngineRow | JsonObject)[],
  wanted: readonly JsonObject[],
): void {
  const order = (rows: readonly (EngineRow | JsonObject)[]): string[] =>
    rows.map((row) => canonicalRow(schema, row as JsonValue)).sort();
  expect(order(found)).toEqual(order(wanted));
}

async function countOf(session: Session, sql: string): Promise<number> {
  const [row] = await session.rows(unchecked(`SELECT count(*) AS n FROM (${sql})`));
  return Number(row?.["n"]);
}

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}
