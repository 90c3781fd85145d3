import type { EngineColumn, EngineParameter, Relation, Session } from "../../engine/core/contract.ts";
import { assertInternal, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { ColumnMappingMode } from "../../schema/column-mapping.ts";
import type { StructField } from "../../schema/types.ts";
import { type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { fileList, plainName, quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { type FileGroup, groupByFooter } from "./file-groups.ts";
import type { PhysicalField } from "./physical-schema.ts";
import { findField, type ReadContext, readExpression, variantProbes } from "./read-expression.ts";
import { readTypeText } from "./read-type.ts";
import type { RowSelection } from "./row-selection.ts";
import { assertSoundVariants } from "./sound-variants.ts";

/** A column that a scan returns: from the data files, or one constant per file. */
export type ScanColumn =
  | { readonly kind: "data"; readonly field: StructField; readonly typedVariants?: boolean | undefined }
  /** A text column of the files that is not a column of the table, by its exact name. */
  | { readonly kind: "extra"; readonly name: string }
  /** `type` is the engine's type text; the value of file `f` is `f.constants[key]`. */
  | { readonly kind: "constant"; readonly name: string; readonly key: string; readonly type: SqlExpression }
  /** A struct `row_id`, `row_commit_version`: PROTOCOL.md "Reader Requirements for Row Tracking". */
  | {
      readonly kind: "row-tracking";
      readonly name: string;
      readonly idColumn: string | undefined;
      readonly versionColumn: string | undefined;
    }
  /** A struct of `file`, the file's {@link ScanFile.number}, and `row`, its position in the file from 0. */
  | { readonly kind: "place"; readonly name: string };

/** One file to read. */
export interface ScanFile {
  /** Local name from `locateFiles`. */
  readonly file: string;
  /** Text for the engine to cast to the column's type, bytes for BLOB. */
  readonly constants: Readonly<Record<string, string | Uint8Array | null>>;
  readonly selection?: RowSelection | undefined;
  readonly baseRowId?: bigint | undefined;
  readonly defaultRowCommitVersion?: bigint | undefined;
  /** By which {@link ScanColumn} `place` names the file. */
  readonly number?: number | undefined;
}

/** Data files as one relation of a session. */
export interface FileRelation extends Relation {
  /** Local names of the files that it reads, which a fence must allow. */
  readonly files: readonly string[];
}

/**
 * Makes data files one relation with the requested columns, each file read according to its own footer.
 *
 * Stores what differs from file to file in tables of the session. A relation without columns has one unnamed
 * column, only for counting.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file
 */
export async function scanFiles(
  session: Session,
  context: TableContext,
  columns: readonly ScanColumn[],
  files: readonly ScanFile[],
  mode: ColumnMappingMode,
): Promise<FileRelation> {
  const local = files.map(({ file }) => file);
  // Footers are read here, and again when rows are read.
  if (files.length > 1) await session.keepFooters();
  const arms: SqlSelect[] = [];
  for (const group of await groupByFooter(session, local)) {
    const own = files.filter((file) => group.files.has(file.file));
    appendAll(arms, await groupArms(session, context, columns, group, own, mode));
  }
  const types = columns.map(columnOf);
  return {
    sql: arms.length === 0 ? emptySql(types) : unionAll(arms),
    columns: types,
    files: [...new Set(local)],
  };
}

/** A column of the relation, with its type as SQL. */
interface TypedColumn extends EngineColumn {
  readonly type: SqlExpression;
}

function columnOf(column: ScanColumn): TypedColumn {
  if (column.kind === "data") return { name: column.field.name, type: dataType(column) };
  if (column.kind === "extra") return { name: column.name, type: sql`VARCHAR` };
  if (column.kind === "place") return { name: column.name, type: sql`STRUCT(file INTEGER, row BIGINT)` };
  return {
    name: column.name,
    type: column.kind === "constant" ? column.type : sql`STRUCT(row_id BIGINT, row_commit_version BIGINT)`,
  };
}

function dataType({ field, typedVariants }: Extract<ScanColumn, { kind: "data" }>): SqlExpression {
  return readTypeText(field.type, typedVariants === true ? "VARIANT" : "JSON");
}

function emptySql(columns: readonly TypedColumn[]): SqlSelect {
  const items = columns.map((column) => sql`CAST(NULL AS ${column.type}) AS ${quoteName(column.name)}`);
  return sql`SELECT ${items.length === 0 ? 0 : items} WHERE false`;
}

/** Nested in halves, because the engine limits the depth of a chain of unions. */
function unionAll(arms: readonly SqlSelect[]): SqlSelect {
  const [only] = arms;
  if (arms.length === 1 && only !== undefined) return only;
  const half = Math.ceil(arms.length / 2);
  return sql`(${unionAll(arms.slice(0, half))}) UNION ALL (${unionAll(arms.slice(half))})`;
}

async function groupArms(
  session: Session,
  context: TableContext,
  columns: readonly ScanColumn[],
  group: FileGroup,
  files: readonly ScanFile[],
  mode: ColumnMappingMode,
): Promise<SqlSelect[]> {
  const sample = files[0]?.file ?? "";
  checkFieldIds(group.fields, mode, sample);
  const variants = await variantTypes(session, columns, group.fields, mode, sample);
  await assertSoundVariants(
    session,
    files.map(({ file }) => file),
    annotatedColumns(columns, group.fields, mode, variants),
  );
  const read: ReadContext = { mode, file: sample, variants };
  const arms: SqlSelect[] = [];
  for (const selected of [false, true]) {
    const part = files.filter((file) => (file.selection !== undefined) === selected);
    if (part.length === 0) continue;
    const builder = new ArmBuilder(session, context, columns, group.fields, read);
    appendAll(arms, await builder.arms(part, selected));
  }
  return arms;
}

/**
 * PROTOCOL.md "Reader Requirements for Column Mapping": a file without field ids is refused in `id` mode
 * rather than read as nulls.
 */
function checkFieldIds(fields: readonly PhysicalField[], mode: ColumnMappingMode, file: string): void {
  if (mode !== "id" || fields.length === 0 || fields.some((field) => field.fieldId !== undefined)) return;
  const message = `The file ${file} has no field ids, but the table identifies columns by field id. Rewrite the file with field ids.`;
  throw new VarveError("DATA_FILE_CORRUPT", message, { file });
}

/** Names in the files of the columns that hold a variant which the engine decodes by itself. */
function annotatedColumns(
  columns: readonly ScanColumn[],
  fields: readonly PhysicalField[],
  mode: ColumnMappingMode,
  variants: ReadonlyMap<string, string>,
): string[] {
  return columns.flatMap((column) => {
    const own = column.kind === "data" ? findField(fields, column.field, mode) : undefined;
    if (column.kind !== "data" || own === undefined) return [];
    const paths = variantProbes(column.field.type, own.type, quoteName(own.engineName), mode, [
      column.field.name,
    ]).keys();
    return [...paths].some((path) => variants.get(path) === "VARIANT") ? [own.name] : [];
  });
}

async function variantTypes(
  session: Session,
  columns: readonly ScanColumn[],
  fields: readonly PhysicalField[],
  mode: ColumnMappingMode,
  sample: string,
): Promise<ReadonlyMap<string, string>> {
  const probes = new Map<string, SqlExpression>();
  for (const column of columns) {
    if (column.kind !== "data") continue;
    const fileField = findField(fields, column.field, mode);
    if (fileField === undefined) continue;
    const own = variantProbes(
      column.field.type,
      fileField.type,
      sql`f.${quoteName(fileField.engineName)}`,
      mode,
      [column.field.name],
    );
    for (const [path, probe] of own) probes.set(path, probe);
  }
  if (probes.size === 0) return new Map();
  session.enableVariants();
  const described = await session.describe(
    sql`SELECT ${[...probes.values()]} FROM read_parquet(${quoteFile(sample)}, hive_partitioning = false) AS f`,
  );
  return new Map([...probes.keys()].map((path, index) => [path, described[index]?.type ?? ""]));
}

let tablesMade = 0;
const groupsInText = 32;

/** Builds the SELECTs over files of one physical schema, all with a row selection or all without. */
class ArmBuilder {
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
    const table = await this.#fileTable(files, selected, tracked);
    const prefix = freePrefix(this.#fields.map(({ engineName }) => engineName));
    const [counter, only] = [plainName(`${prefix}position`), plainName(`${prefix}file`)];
    const scan = counted
      ? sql`(SELECT *, row_number() OVER () - 1 AS ${counter}, 0::UBIGINT AS ${only} FROM ${this.#parquet(files)}) AS f${this.#nothingTable()}`
      : this.#scan(files);
    const from = sql`${scan} JOIN ${table} AS c ON c.file_index = f.${counted ? only : sql`file_index`}`;
    const position = counted ? sql`f.${counter}` : sql`f.file_row_number`;
    const chosen = sql`(CASE WHEN ${position} < bit_length(c.bits) THEN get_bit(c.bits, CAST(${position} AS INTEGER)) ELSE 0 END) = c.wanted`;
    return this.#select(files, selected ? sql`${from} WHERE ${chosen}` : from, undefined, position);
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
        return readExpression(
          column.field.type,
          fileField.type,
          sql`f.${quoteName(fileField.engineName)}`,
          read,
          [column.field.name],
        ).sql;
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

  /** A table of the session with one row per file: its constants, row ids and selection. */
  async #fileTable(files: readonly ScanFile[], selected: boolean, tracked: boolean): Promise<SqlExpression> {
    const table = plainName(`varve_scan_${++tablesMade}_${this.#context.world.uuid().slice(0, 8)}`);
    const constants = this.#columns.flatMap((column, position) =>
      column.kind === "constant" ? [{ column, position }] : [],
    );
    const rows = files.map((file, index) => [
      String(index),
      tracked ? (file.baseRowId?.toString() ?? null) : null,
      tracked ? (file.defaultRowCommitVersion?.toString() ?? null) : null,
      file.number?.toString() ?? null,
      ...constants.map(({ column }) => plainText(file.constants[column.key] ?? null)),
    ]);
    const casts = constants.map(
      ({ column, position }, k) => sql`${fromText(sql`r[${k + 5}]`, column.type)} AS k${position}`,
    );
    const columns = [
      sql`CAST(r[1] AS UBIGINT) AS file_index`,
      sql`CAST(r[2] AS BIGINT) AS base_row_id`,
      sql`CAST(r[3] AS BIGINT) AS commit_version`,
      sql`CAST(r[4] AS INTEGER) AS file_number`,
      ...casts,
    ];
    await this.#session.execute(
      sql`CREATE TABLE ${table} AS SELECT ${columns}
       FROM (SELECT unnest(from_json($1, '[["VARCHAR"]]')) AS r)`,
      [JSON.stringify(rows)],
    );
    return selected ? this.#withSelections(table, files) : table;
  }

  async #withSelections(table: SqlName, files: readonly ScanFile[]): Promise<SqlExpression> {
    const selections = plainName(`${table}_rows`);
    await this.#session.execute(
      sql`CREATE TABLE ${selections} (selected_file UBIGINT, bits BIT, wanted INTEGER)`,
    );
    const together = 64;
    for (let start = 0; start < files.length; start += together) {
      const values: SqlExpression[] = [];
      const parameters: EngineParameter[] = [];
      files.slice(start, start + together).forEach((file, index) => {
        const bits = file.selection?.bits ?? new Uint8Array(0);
        // A BIT needs at least one bit.
        parameters.push(bits.length === 0 ? new Uint8Array(1) : bits);
        values.push(
          sql`(${start + index}, CAST($${parameters.length} AS BIT), ${file.selection?.keep === "set" ? 1 : 0})`,
        );
      });
      await this.#session.execute(sql`INSERT INTO ${selections} VALUES ${values}`, parameters);
    }
    return sql`(SELECT * FROM ${table} JOIN ${selections} ON selected_file = file_index)`;
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
