import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { stringifyJson } from "../../src/api/json.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import type { EngineRow } from "../../src/engine/core/contract.ts";
import { isVarveError } from "../../src/errors.ts";
import type { OptimizeOptions } from "../../src/operations/optimize.ts";
import { constraintPrefix } from "../../src/protocol/constraint-names.ts";
import { columnMetadata } from "../../src/schema/column-metadata.ts";
import { findField, mapFields } from "../../src/schema/fields.ts";
import { parseSchema, serializeSchema } from "../../src/schema/schema-json.ts";
import { pathText, typeText } from "../../src/schema/type-names.ts";
import type { StructField, StructType } from "../../src/schema/types.ts";
import type { StatementResult } from "../../src/statements/contract.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { canonicalRow } from "./canonical.ts";
import { compareCommit, RowIds } from "./dml-case-facts.ts";
import { compareDisk, compareState, filesOnDisk } from "./dml-case-state.ts";
import { CaseTables } from "./dml-case-tables.ts";
import type { DmlCase, DmlStep, DmlTable, DmlView, ExpectedStep } from "./dml-cases.ts";
import { codesOf } from "./dml-errors.ts";

/** Settings of Spark's session that are properties of a table here. */
const settingsOfTables: Readonly<Record<string, string>> = {
  "spark.databricks.delta.autoCompact.minNumFiles": "varve.autoCompact.minFiles",
};

/** Refusals of Spark that varve does not follow, and why. */
const allowedHere: Readonly<Record<string, string>> = {
  DELTA_UNSUPPORTED_NON_EMPTY_CLONE: "varve replaces tables that have rows too, as a new version of them",
  DELTA_FEATURE_DROP_NONREMOVABLE_FEATURE: "varve drops every feature that nothing in the table uses",
  DELTA_MERGE_RESOLVED_ATTRIBUTE_MISSING_FROM_INPUT: "Spark fails where rows are matched by a CHAR column",
  DELTA_UNSUPPORTED_SUBQUERY: "varve evaluates subqueries in conditions, as Spark does in values",
  DELTA_FEATURES_REQUIRE_MANUAL_ENABLEMENT: "upgradeProtocol lists the features that a change needs",
  DELTA_ALTER_TABLE_CLUSTER_BY_NOT_ALLOWED: "upgradeProtocol lists the features that a change needs",
  WRONG_COLUMN_DEFAULTS_FOR_DELTA_FEATURE_NOT_ENABLED:
    "upgradeProtocol lists the features that a change needs",
};

/** Spark refuses it, under several names; varve tests the rows, and makes the change where none is null. */
const setsNotNull = /^ALTER TABLE \S+ (?:ALTER|CHANGE) COLUMN \S+ SET NOT NULL$/i;

/** Statements that Spark does not read, and varve does. */
const readHere = /\bDEEP CLONE\b/i;

/** The first statement of a case that varve reads and refuses, as not supported yet. */
export async function unsupportedStatement(item: DmlCase): Promise<string | undefined> {
  for (const { sql } of item.steps) {
    if (/^CREATE TABLE \w+ \(/.test(sql)) continue;
    // Refused before any table is looked for.
    const failure = await failureOf(() => runSql(sql.replaceAll("{root}", "/nowhere")));
    if (isVarveError(failure, "UNSUPPORTED_FEATURE") && typeof failure.data["statement"] === "string")
      return failure.data["statement"];
  }
  return undefined;
}

/** Runs the statements of a case in a folder, and compares with what Spark did after each. */
export async function runDmlCase(item: DmlCase, folder: string): Promise<void> {
  const settings = Object.assign({}, ...item.steps.map((step) => step.settings ?? {})) as DmlStep["settings"];
  await using table = await setUp(withSettings(item.tables.t, settings), join(folder, "t"));
  const tables: Record<string, Table> = { t: table };
  for (const [name, view] of Object.entries(item.tables))
    if (name !== "t") tables[name] = await setUpView(view, join(folder, name));
  let before = rowTexts(table, await rowsOf(table));
  expect(before, "rows after the set-up").toEqual(wantedTexts(table, item.tables.t.rows));
  const made = new CaseTables(tables);
  const versions = new Map([[item.tables.t.version, table.snapshot().version]]);
  for (let version = 0; version < item.tables.t.version; version++) versions.set(version, version);
  const ids = new RowIds();
  await ids.compare(table, item.tables.t.rowIds, versions, "the set-up");
  for (const step of item.steps) {
    // What was done in spite of Spark's refusal leaves another table than the next steps are about.
    if (await runStep(step, { folder, table, tables, made, ids, before, versions })) return;
    await table.refresh();
    if (step.expect.readError === undefined) before = rowTexts(table, await rowsOf(table));
  }
}

interface StepScope {
  readonly folder: string;
  readonly table: Table;
  readonly tables: Readonly<Record<string, Table>>;
  readonly made: CaseTables;
  readonly ids: RowIds;
  /** Canonical texts of the rows before the step. */
  readonly before: readonly string[];
  /**
   * Versions here by Spark's: a statement that changes nothing makes no commit here, and Spark refuses some that
   * are done here.
   */
  readonly versions: Map<number, number>;
}

/** Compares a step; whether rows were changed where Spark refuses the statement. */
async function runStep(step: DmlStep, scope: StepScope): Promise<boolean> {
  const { table, before, versions } = scope;
  const { expect: wanted, sql, settings } = step;
  const [versionBefore, sparkBefore] = [table.snapshot().version, Math.max(...versions.keys())];
  const text = sql
    .replaceAll("{root}", scope.folder)
    .replace(/\bVERSION AS OF (\d+)/g, (whole, version: string) => {
      const here = versions.get(Number(version));
      return here === undefined ? whole : `VERSION AS OF ${here}`;
    });
  const disk = filesOnDisk(join(scope.folder, "t"));
  let results: readonly StatementResult[] = [];
  const failure = await failureOf(async () => {
    if (await scope.made.prepare(text)) return;
    const sizes = sizeOptions(settings);
    if (sizes !== undefined) {
      await table.optimize(sizes);
      return;
    }
    results = await runSql(text, {
      tables: scope.tables,
      upgradeProtocol: true,
      mergeSchema: settings?.["spark.databricks.delta.schema.autoMerge.enabled"] === "true",
      // Spark ran the cases with its check switched off.
      retentionCheck: settings?.["spark.databricks.delta.retentionDurationCheck.enabled"] === "true",
      ignoreMissingFiles: settings?.["spark.sql.files.ignoreMissingFiles"] === "true",
      dynamicPartitions: settings?.["spark.sql.sources.partitionOverwriteMode"] === "dynamic",
    });
    await scope.made.made(text);
  });
  await table.refresh();
  const { version } = table.snapshot();
  const isAllowed =
    allowedHere[wanted.error?.condition ?? ""] !== undefined || readHere.test(sql) || setsNotNull.test(sql);
  const differs = isAllowed && failure === undefined;
  if (wanted.error !== undefined && !differs) {
    compareError(sql, failure, wanted.error);
    expect(version, `version after the refusal of ${sql}`).toBe(versionBefore);
  } else if (failure !== undefined) throw failure;
  if (differs && results.some(({ metrics }) => metrics !== undefined)) return true;
  const [result] = results;
  const commits = (wanted.version ?? sparkBefore) - sparkBefore;
  if (result?.outcome === "unchanged") expect(wanted.rows, `${sql} changes rows in Spark`).toBeUndefined();
  else if (wanted.error === undefined && result?.statement.startsWith("ALTER TABLE") === true)
    // Spark enables row tracking in several commits, which is one here.
    expect(Math.min(version - versionBefore, 1), `commits of ${sql}`).toBe(Math.min(commits, 1));
  else if (wanted.error === undefined) expect(version - versionBefore, `commits of ${sql}`).toBe(commits);
  const isUnchanged = result?.outcome === "unchanged";
  for (let back = 0; back < Math.max(commits, 1); back++)
    versions.set(sparkBefore + commits - back, isUnchanged ? version : Math.max(version - back, 0));
  if (wanted.schema !== undefined) compareSchema(table.snapshot().schema, wanted.schema);
  if (wanted.rowsUnchanged === true)
    expect(rowTexts(table, await rowsOf(table)), `rows after ${sql}`).toEqual(before);
  if (wanted.rows !== undefined)
    expect(rowTexts(table, await rowsOf(table)), `rows after ${sql}`).toEqual(
      wantedTexts(table, wanted.rows),
    );
  // The numbers of rows that have just got ids are Spark's own.
  const isFixed = !sql.includes("_metadata");
  if (result?.statement === "SELECT" && wanted.result !== undefined && isFixed)
    compareResult(result, wanted.result, sql);
  if (!isUnchanged) await compareChanges(scope, wanted, sql);
  else
    for (const { changes = [] } of wanted.commits ?? [])
      expect(changes, `${sql} changes rows in Spark`).toEqual([]);
  if (wanted.error === undefined && version > versionBefore)
    for (const commit of wanted.commits ?? []) {
      const own = versions.get(commit.version);
      if (own !== undefined && commits === version - versionBefore)
        compareCommit(join(scope.folder, "t"), own, commit, sql);
    }
  await scope.ids.compare(table, wanted.rowIds, versions, sql);
  if (wanted.properties !== undefined) compareProperties(table, wanted.properties, sql);
  if (wanted.error === undefined) {
    await compareState(table, wanted, sql);
    compareDisk(join(scope.folder, "t"), disk, wanted, sql);
  }
  return false;
}

/** Bytes of a file of a few rows here, where Spark's takes one. */
const bytesHere = 0.4;

/** Settings of Spark for the sizes of OPTIMIZE, which are options of varve's method. */
function sizeOptions(settings: DmlStep["settings"] = {}): OptimizeOptions | undefined {
  const [least, most] = ["min", "max"].map(
    (end) => settings[`spark.databricks.delta.optimize.${end}FileSize`],
  );
  if (least === undefined && most === undefined) return undefined;
  return {
    minFileBytes: least === undefined ? undefined : Number(least) * bytesHere,
    targetFileBytes: most === undefined ? undefined : Number(most) * bytesHere,
  };
}

/** Properties of which each implementation has its own values. */
const ownProperties = /^delta\.(?:columnMapping\.maxColumnId|rowTracking\.materialized)/;

function compareProperties(table: Table, wanted: Readonly<Record<string, string>>, sql: string): void {
  const fixed = (properties: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(properties).filter(([key]) => !ownProperties.test(key)));
  expect(fixed(table.snapshot().properties), `properties after ${sql}`).toEqual(fixed(wanted));
}

/** The table with the settings that are properties here. */
function withSettings(table: DmlTable, settings: DmlStep["settings"] = {}): DmlTable {
  const own = Object.entries(settings).flatMap(([key, value]) => {
    const property = settingsOfTables[key];
    return property === undefined ? [] : [[property, value] as const];
  });
  return { ...table, properties: { ...table.properties, ...Object.fromEntries(own) } };
}

async function setUp(
  { schema, partitionColumns, properties, setup, domains }: DmlTable,
  uri: string,
): Promise<Table> {
  const constraints = (key: string) => key.startsWith(constraintPrefix);
  const table = await createTable(uri, {
    schema: serializeSchema(withoutSparkIds(parseSchema(stringifyJson(schema)))),
    partitionBy: partitionColumns,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([key]) => !constraints(key) && !ownProperties.test(key)),
    ),
  });
  const clustering = domains?.["delta.clustering"];
  if (clustering !== undefined) {
    const { clusteringColumns } = JSON.parse(String(clustering)) as { clusteringColumns: string[][] };
    await table.alter({ clusterBy: clusteringColumns.map(pathText), upgradeProtocol: true });
  }
  for (const statement of setup.slice(1))
    await runSql(statement.replace(/\brange\((\d+), (\d+), 1, 1\)/g, "range($1, $2) AS r(id)"), {
      tables: { t: table },
      upgradeProtocol: true,
    });
  await table.refresh();
  return table;
}

async function setUpView({ schema, rows }: DmlTable | DmlView, uri: string): Promise<Table> {
  const nullable = mapFields(parseSchema(stringifyJson(schema)), (field) => ({ ...field, nullable: true }));
  const table = await createTable(uri, { schema: serializeSchema(nullable) });
  if (rows.length === 0) return table;
  const file = `${uri}.ndjson`;
  writeFileSync(file, rows.map((row) => `${stringifyJson(row)}\n`).join(""));
  await table.append({ ndjson: file });
  return table;
}

/** The schema without what Spark adds to it in the course of the set-up. */
function withoutSparkIds(schema: StructType): StructType {
  return mapFields(schema, (field): StructField => {
    const kept = Object.entries(field.metadata).filter(
      ([key]) => !/^(?:delta\.columnMapping\.|parquet\.field\.|delta\.identity\.highWaterMark)/.test(key),
    );
    return { ...field, metadata: Object.fromEntries(kept) };
  });
}

async function rowsOf(table: Table): Promise<EngineRow[]> {
  const rows: EngineRow[] = [];
  for await (const row of table.snapshot().rows()) rows.push(row);
  return rows;
}

function rowTexts(table: Table, rows: readonly EngineRow[]): string[] {
  return rows.map((row) => canonicalRow(table.snapshot().schema, row)).sort();
}

function wantedTexts(table: Table, rows: readonly JsonObject[]): string[] {
  return rows.map((row) => canonicalRow(table.snapshot().schema, row)).sort();
}

function compareError(
  sql: string,
  failure: unknown,
  { condition, message }: NonNullable<ExpectedStep["error"]>,
): void {
  expect(failure, `${sql} must fail: ${message}`).toBeDefined();
  if (!isVarveError(failure)) throw failure;
  const codes = codesOf(condition);
  if (codes !== undefined) expect(codes, `${condition}: ${failure.message}`).toContain(failure.code);
}

function compareSchema(found: StructType, wanted: JsonObject): void {
  const shape = (schema: StructType) =>
    schema.fields.map(
      (field) =>
        `${field.name} ${typeText(field.type)}${field.nullable ? "" : " not null"} ${lengthOf(field)}`,
    );
  expect(shape(found)).toEqual(shape(parseSchema(stringifyJson(wanted))));
}

function lengthOf(field: StructField): string {
  const limit = columnMetadata(field).charLength;
  return limit === undefined ? "" : `${limit.kind}(${limit.length})`;
}

/** Rows of a SELECT by the texts of their values, because Spark's types of a query are not known. */
function compareResult({ rows = [] }: StatementResult, wanted: readonly JsonObject[], sql: string): void {
  const text = (row: object) =>
    Object.entries(row)
      .map(
        ([name, value]) =>
          `${name.toLowerCase()}=${typeof value === "bigint" ? String(value) : stringifyJson(value)}`,
      )
      .sort()
      .join(" ");
  expect(rows.map(text).sort(), sql).toEqual(wanted.map(text).sort());
}

/** The change feed of the step's commits, as a set of rows with their kind. */
async function compareChanges(
  { table, versions }: StepScope,
  { commits = [] }: ExpectedStep,
  sql: string,
): Promise<void> {
  for (const { version: sparkVersion, changes } of commits) {
    const version = versions.get(sparkVersion);
    if (changes === undefined || version === undefined) continue;
    const feed = await table.changes({ from: version, to: version });
    const found: EngineRow[] = [];
    for await (const row of feed.rows()) found.push(row);
    const { schema } = await table.at(version);
    const kind = findField(schema, "_change_type");
    const whole: StructType = {
      type: "struct",
      fields: [
        ...schema.fields.filter((field) => field !== kind),
        { name: "_change_type", type: "string", nullable: true, metadata: {} },
      ],
    };
    const texts = (rows: readonly (EngineRow | JsonObject)[]) =>
      rows.map((row) => canonicalRow(whole, row)).sort();
    expect(texts(found), `changes of version ${version}, by ${sql}`).toEqual(texts(changes));
  }
}

async function failureOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}
