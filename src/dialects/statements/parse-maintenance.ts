import { StatementReader } from "./statement-reader.ts";
import type {
  CloneStatement,
  ConvertStatement,
  DescribeStatement,
  GenerateStatement,
  OptimizeStatement,
  PartitionColumn,
  ReorgStatement,
  RestoreStatement,
  VacuumStatement,
} from "./syntax.ts";

/** `OPTIMIZE t [FULL] [WHERE condition] [ZORDER BY (a, b)]`; OPTIMIZE was read. */
export function parseOptimize(reader: StatementReader): OptimizeStatement {
  reader.take("table");
  const target = { table: reader.tableOrPath() };
  const full = reader.take("full");
  const where = reader.take("where") ? reader.expression(["zorder"], "a condition") : undefined;
  const zorderBy = reader.take("zorder", "by") ? orderColumns(reader) : [];
  return { kind: "OPTIMIZE", target, full, where, zorderBy };
}

function orderColumns(reader: StatementReader): string[][] {
  return reader.isNext("(") ? reader.list(() => reader.path()) : reader.items(() => reader.path());
}

/** `REORG TABLE t [WHERE condition] APPLY (PURGE)`; REORG was read. */
export function parseReorg(reader: StatementReader): ReorgStatement {
  reader.expect("table");
  const target = { table: reader.table() };
  const where = reader.take("where") ? reader.expression(["apply"], "a condition") : undefined;
  reader.expect("apply", "(", "purge", ")");
  return { kind: "REORG TABLE", target, where };
}

/** `VACUUM t [USING INVENTORY s | (query)] [LITE | FULL] [RETAIN n HOURS] [DRY RUN]`; VACUUM was read. */
export function parseVacuum(reader: StatementReader): VacuumStatement {
  reader.take("table");
  const target = { table: reader.tableOrPath() };
  const inventory = reader.take("using", "inventory") ? inventoryOf(reader) : undefined;
  let statement: VacuumStatement = { kind: "VACUUM", target, inventory, dryRun: false };
  while (!reader.atEnd) {
    if (reader.take("dry", "run")) statement = { ...statement, dryRun: true };
    else if (reader.take("retain")) statement = { ...statement, retainHours: hours(reader) };
    else {
      if (!reader.isNext("lite") && !reader.isNext("full"))
        throw reader.unexpected("USING INVENTORY, LITE, FULL, RETAIN n HOURS or DRY RUN");
      statement = { ...statement, mode: reader.oneOf(["lite", "full"]) === "lite" ? "lite" : "full" };
    }
  }
  return statement;
}

function inventoryOf(reader: StatementReader): NonNullable<VacuumStatement["inventory"]> {
  return reader.isNext("(") ? { query: reader.queryInParentheses() } : { table: reader.table() };
}

function hours(reader: StatementReader): number {
  const sign = reader.take("-") ? -1 : 1;
  const { kind, value } = reader.peek();
  if (kind !== "number" || !/^\d{1,9}(?:\.\d{1,9})?$/.test(value))
    throw reader.unexpected("a number of hours");
  reader.advance();
  reader.expect("hours");
  return sign * Number(value);
}

/** `RESTORE [TABLE] t TO VERSION | TIMESTAMP AS OF …`; RESTORE was read. */
export function parseRestore(reader: StatementReader): RestoreStatement {
  reader.take("table");
  const target = { table: reader.table() };
  reader.take("to");
  return { kind: "RESTORE TABLE", target, to: reader.pointOrPin() };
}

/** `CREATE [OR REPLACE] TABLE [IF NOT EXISTS] c SHALLOW | DEEP CLONE t …`; CREATE was read. */
export function parseClone(reader: StatementReader): CloneStatement {
  const orReplace = reader.take("or", "replace");
  reader.expect("table");
  const ifNotExists = reader.take("if", "not", "exists");
  const target = { table: reader.table() };
  const depth = reader.oneOf(["shallow", "deep"]) === "deep" ? "deep" : "shallow";
  reader.expect("clone");
  const source = reader.reference(["tblproperties", "location"]);
  const properties = reader.take("tblproperties") ? reader.properties() : {};
  const location = reader.take("location") ? reader.text("a path in quotes") : undefined;
  return {
    kind: "CREATE TABLE CLONE",
    target,
    source,
    depth,
    orReplace,
    ifNotExists,
    properties,
    location,
  };
}

/** CONVERT TO DELTA parquet.`…` [NO STATISTICS] [PARTITIONED BY (name type)]; CONVERT was read. */
export function parseConvert(reader: StatementReader): ConvertStatement {
  reader.expect("to", "delta");
  const source = reader.table();
  const statistics = !reader.take("no", "statistics");
  const partitionedBy = reader.take("partitioned", "by") ? partitionColumns(reader) : [];
  return { kind: "CONVERT TO DELTA", source, statistics, partitionedBy };
}

/**
 * Reads partition columns with their types, as PARTITIONED BY has them: `d date, n int`.
 *
 * @throws `SQL_FAILED` with the position
 */
export function parsePartitionColumns(text: string): readonly PartitionColumn[] {
  const reader = new StatementReader(text, "the partition columns");
  const columns = reader.items(() => partitionColumn(reader));
  if (!reader.atEnd) throw reader.unexpected("a comma, or the end");
  return columns;
}

function partitionColumns(reader: StatementReader): PartitionColumn[] {
  return reader.list(() => partitionColumn(reader));
}

function partitionColumn(reader: StatementReader): PartitionColumn {
  return { name: reader.name("a partition column"), type: reader.type().type };
}

/**
 * `DESCRIBE HISTORY t [LIMIT n]`, `DESCRIBE DETAIL t` and `DESCRIBE [TABLE] [EXTENDED | FORMATTED] t`; DESCRIBE was
 * read.
 */
export function parseDescribe(reader: StatementReader): DescribeStatement {
  const isHistory = reader.take("history");
  const isDetail = !isHistory && reader.take("detail");
  reader.take("table");
  const extended = !isHistory && !isDetail && (reader.take("extended") || reader.take("formatted"));
  const target = { table: reader.tableOrPath() };
  if (isDetail) return { kind: "DESCRIBE DETAIL", target };
  if (!isHistory) return { kind: "DESCRIBE TABLE", target, extended };
  const limit = reader.take("limit") ? reader.integer() : undefined;
  return { kind: "DESCRIBE HISTORY", target, limit };
}

/** `GENERATE symlink_format_manifest FOR TABLE t`; GENERATE was read. */
export function parseGenerate(reader: StatementReader): GenerateStatement {
  const mode = reader.name("a mode such as symlink_format_manifest");
  reader.expect("for", "table");
  return { kind: "GENERATE", target: { table: reader.table() }, mode };
}
