import type { Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { fileList, plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { unhashed } from "../../sql/unhashed.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { PhysicalField } from "./physical-schema.ts";
import { findField, type ReadContext, readExpression } from "./read-expression.ts";
import { columnOf, dataType, emptySql, type ScanColumn, type ScanFile } from "./scan-columns.ts";
import { partRows, selectionTable } from "./selection-tables.ts";

let tablesMade = 0;
const groupsInText = 32;

/** Builds the SELECTs over files of one physical schema, all with a row selection or all without. */
export class ArmBuilder {
  readonly #session: Session;
  readonly #context: TableContext;
  readonly #columns: readonly ScanColumn[];
  readonly #fields: readonly PhysicalField[];
  readonly #read: ReadContext;

  constructor(
    session: Session,
    context: TableContext,
    columns: readonly ScanColumn[],
    fields: readonly PhysicalField[],
    read: ReadContext,
  ) {
    this.#session = session;
    this.#context = context;
    this.#columns = columns;
    this.#fields = fields;
    this.#read = read;
  }

  async arms(files: readonly ScanFile[], selected: boolean): Promise<SqlSelect[]> {
    const tracked = this.#columns.some((column) => column.kind === "row-tracking");
    const constants = this.#columns.filter((column) => column.kind === "constant");
    const positioned = selected || tracked || this.#columns.some((column) => column.kind === "place");
    if (!positioned) {
      const alike = groupBy(files, (file) =>
        JSON.stringify(constants.map(({ key }) => plainText(file.constants[key] ?? null))),
      );
      // Constants in the SQL cost nothing per row, and let the engine skip whole groups; with many groups, a
      // join is cheaper to plan.
      if (alike.length <= groupsInText)
        return alike.map((group) => this.#select(group, this.#scan(group), group[0], undefined));
    }
    // A file's own column of this name hides the engine's; then rows are counted, one file at a time.
    if (this.#hides("file_index") || (positioned && this.#hides("file_row_number"))) {
      const arms: SqlSelect[] = [];
      for (const file of files) arms.push(await this.#joined([file], selected, tracked, true));
      return arms;
    }
    return [await this.#joined(files, selected, tracked, false)];
  }

  async #joined(
    files: readonly ScanFile[],
    selected: boolean,
    tracked: boolean,
    counted: boolean,
  ): Promise<SqlSelect> {
    const table = await this.#fileTable(files, tracked);
    const prefix = freePrefix(this.#fields.map(({ engineName }) => engineName));
    const [counter, only] = [plainName(`${prefix}position`), plainName(`${prefix}file`)];
    const scan = counted
      ? sql`(SELECT *, row_number() OVER () - 1 AS ${counter}, 0::UBIGINT AS ${only} FROM ${this.#parquet(files)}) AS f${this.#nothingTable()}`
      : this.#scan(files);
    const joined = sql`${scan} JOIN ${table} AS c ON c.file_index = f.${counted ? only : sql`file_index`}`;
    const position = counted ? sql`f.${counter}` : sql`f.file_row_number`;
    const from = selected
      ? sql`${joined} LEFT JOIN ${await selectionTable(this.#session, table, files)} AS s ON s.selected_file = c.file_index AND s.part = ${position} // ${partRows}
        WHERE coalesce(get_bit(s.bits, CAST(${position} % ${partRows} AS INTEGER)), 0) = c.wanted`
      : joined;
    return this.#select(files, from, undefined, position);
  }

  #scan(files: readonly ScanFile[]): SqlExpression {
    return sql`${this.#parquet(files)} AS f${this.#nothingTable()}`;
  }

  #nothingTable(): SqlExpression {
    return this.#hides("file_index")
      ? sql` CROSS JOIN (SELECT CAST(NULL AS VARCHAR) AS text) AS varve_nothing`
      : sql``;
  }

  #parquet(files: readonly ScanFile[]): SqlExpression {
    return sql`read_parquet(${fileList(files.map((file) => file.file))}, hive_partitioning = false)`;
  }

  #hides(name: string): boolean {
    return this.#fields.some((field) => field.engineName.toLowerCase() === name);
  }

  /**
   * `constantsOf` returns the constants if all files share them; otherwise they are in the joined table `c`.
   */
  #select(
    files: readonly ScanFile[],
    from: SqlExpression,
    constantsOf: ScanFile | undefined,
    position: SqlExpression | undefined,
  ): SqlSelect {
    const items = this.#columns.map(
      (column, index) =>
        sql`${this.#item(column, index, constantsOf, position)} AS ${quoteName(columnOf(column).name)}`,
    );
    return files.length === 0
      ? emptySql(this.#columns.map(columnOf))
      : sql`SELECT ${items.length === 0 ? 0 : items} FROM ${from}`;
  }

  #item(
    column: ScanColumn,
    index: number,
    constantsOf: ScanFile | undefined,
    position: SqlExpression | undefined,
  ): SqlExpression {
    switch (column.kind) {
      case "constant": {
        if (constantsOf === undefined) return sql`c.k${index}`;
        const value = constantsOf.constants[column.key] ?? null;
        return value === null ? this.#nothing(column.type) : literal(value, column.type);
      }
      case "data": {
        const fileField = findField(this.#fields, column.field, this.#read.mode);
        if (fileField === undefined) return this.#nothing(dataType(column));
        const read = { ...this.#read, typedVariants: column.typedVariants === true };
        const own = sql`f.${quoteName(fileField.engineName)}`;
        const value = fileField.type.kind === "leaf" ? unhashed(own, fileField.type.engineType) : own;
        return readExpression(column.field.type, fileField.type, value, read, [column.field.name]).sql;
      }
      case "extra": {
        const fileField = this.#fields.find((field) => field.name === column.name);
        return fileField === undefined
          ? this.#nothing(sql`VARCHAR`)
          : sql`CAST(f.${quoteName(fileField.engineName)} AS VARCHAR)`;
      }
      case "row-tracking": {
        assertInternal(position !== undefined, "row ids of rows whose position is not read");
        const id = this.#materialized(column.idColumn, sql`c.base_row_id + ${position}`);
        const version = this.#materialized(column.versionColumn, sql`c.commit_version`);
        return sql`struct_pack(row_id := CAST(${id} AS BIGINT), row_commit_version := CAST(${version} AS BIGINT))`;
      }
      case "place": {
        assertInternal(position !== undefined, "places of rows whose position is not read");
        return sql`struct_pack(file := c.file_number, "row" := CAST(${position} AS BIGINT))`;
      }
    }
  }

  /**
   * NULL for each row. A text is one that the engine's optimizer cannot see through: DuckDB 1.5 takes
   * `k LIKE '%'` and `contains(k, '')` for true where `k` is a NULL constant and the other side of an OR is
   * false for all rows.
   */
  #nothing(type: SqlExpression): SqlExpression {
    if (type !== "VARCHAR" && type !== "JSON") return sql`CAST(NULL AS ${type})`;
    const text = this.#hides("file_index")
      ? sql`varve_nothing.text`
      : sql`CASE WHEN f.file_index IS NULL THEN '' END`;
    return type === "VARCHAR" ? text : sql`CAST(${text} AS JSON)`;
  }

  #materialized(name: string | undefined, otherwise: SqlExpression): SqlExpression {
    const fileField = name === undefined ? undefined : this.#fields.find((field) => field.name === name);
    return fileField === undefined
      ? otherwise
      : sql`coalesce(f.${quoteName(fileField.engineName)}, ${otherwise})`;
  }

  /** A table of the session with one row per file: its constants, row ids and which of its rows are wanted. */
  async #fileTable(files: readonly ScanFile[], tracked: boolean): Promise<SqlName> {
    const table = plainName(`varve_scan_${++tablesMade}_${this.#context.world.uuid().slice(0, 8)}`);
    const constants = this.#columns.flatMap((column, position) =>
      column.kind === "constant" ? [{ column, position }] : [],
    );
    const rows = files.map((file, index) => [
      String(index),
      tracked ? (file.baseRowId?.toString() ?? null) : null,
      tracked ? (file.defaultRowCommitVersion?.toString() ?? null) : null,
      file.number?.toString() ?? null,
      file.selection?.keep === "set" ? "1" : "0",
      ...constants.map(({ column }) => plainText(file.constants[column.key] ?? null)),
    ]);
    const casts = constants.map(
      ({ column, position }, k) => sql`${fromText(sql`r[${k + 6}]`, column.type)} AS k${position}`,
    );
    const columns = [
      sql`CAST(r[1] AS UBIGINT) AS file_index`,
      sql`CAST(r[2] AS BIGINT) AS base_row_id`,
      sql`CAST(r[3] AS BIGINT) AS commit_version`,
      sql`CAST(r[4] AS INTEGER) AS file_number`,
      sql`CAST(r[5] AS INTEGER) AS wanted`,
      ...casts,
    ];
    await this.#session.execute(
      sql`CREATE TABLE ${table} AS SELECT ${columns}
       FROM (SELECT unnest(from_json($1, '[["VARCHAR"]]')) AS r)`,
      [JSON.stringify(rows)],
    );
    return table;
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** Bytes travel as hexadecimal text. */
function plainText(value: string | Uint8Array | null): string | null {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

function fromText(text: SqlExpression, type: SqlExpression): SqlExpression {
  return type === "BLOB" ? sql`from_hex(${text})` : type === "VARCHAR" ? text : sql`CAST(${text} AS ${type})`;
}

function literal(value: string | Uint8Array, type: SqlExpression): SqlExpression {
  const text = plainText(value) ?? "";
  return type === "VARCHAR" ? quoteText(text) : fromText(quoteText(text), type);
}
