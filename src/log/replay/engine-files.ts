import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { assertInternal, isVarveError, VarveError } from "../../errors.ts";
import { actionFromJson } from "../../protocol/action-json.ts";
import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { corrupt } from "../../protocol/json-fields.ts";
import { pathsOf } from "../../protocol/named-paths.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { isJsonObject, parseRoundedJson } from "../../util/json.ts";
import { actionJsonSql, type EngineStruct, fieldOf } from "../checkpoint/action-sql.ts";
import type { LiveFiles, PrunedFiles } from "../contract.ts";
import { fileTest, type LogSchema } from "../pruning/file-test.ts";
import { testOfFiles } from "../pruning/pruning.ts";
import { fileTestSql } from "../pruning/pruning-sql.ts";
import type { FileKeyer } from "../segment/file-key.ts";
import { pathKeySql, vectorKeySql } from "./file-key-sql.ts";
import { type FileMap, filesPerChunk, references, replayInto } from "./memory-files.ts";

/**
 * Rows of file actions in the engine: one Parquet file of a checkpoint, or the table into which big commits
 * were read.
 */
export interface FileSource {
  /** Returns the action columns and `ordinal`, the row's number in the source. */
  readonly from: SqlExpression;
  readonly rows: number;
  readonly columns: ReadonlyMap<string, EngineStruct>;
  /**
   * Whether `key` already holds each row's key; otherwise keys are made in SQL, special ones from the table
   * `special_keys`.
   */
  readonly keyed: boolean;
  /** Names the source in errors. */
  readonly name: string;
}

/** The engine's part of the live files, shared by versions that only differ in newer actions. */
export interface EngineBase {
  readonly session: Session;
  /** The sources, oldest first: an action on a file in a later source replaces those in earlier ones. */
  readonly checkpoint: readonly FileSource[];
  readonly tail: FileSource | undefined;
  /**
   * Whether some keys of the checkpoint are in the table `special_keys`; determined when newer actions must
   * be compared with it.
   */
  readonly hasSpecialKeys: () => Promise<boolean>;
  /** Bytes that the session may use where its usual limit does not suffice. */
  readonly mostMemory: number;
}

const windowRows = 32_768;
/** Paths alone are about a tenth of the size of a file action. */
const pathWindowRows = 131_072;
/** Beyond this many newer actions it is cheaper to read the log again. */
const overlayLimit = 200_000;

/**
 * Live files of a table too big to be held as objects: those in the engine, and the newer actions over them.
 */
export class EngineFiles implements LiveFiles {
  readonly #base: EngineBase;
  readonly #overlay: ReadonlyMap<string, AddAction | RemoveAction>;
  readonly #table: LogSchema;
  #totals: Promise<{ files: number; bytes: number }> | undefined;

  constructor(base: EngineBase, overlay: ReadonlyMap<string, AddAction | RemoveAction>, table: LogSchema) {
    this.#base = base;
    this.#overlay = overlay;
    this.#table = table;
  }

  /** The files after further actions; `undefined` if there are so many that the log must be read again. */
  advance(
    actions: Iterable<AddAction | RemoveAction>,
    keyOf: FileKeyer,
    table: LogSchema,
  ): EngineFiles | undefined {
    const overlay: FileMap = new Map(this.#overlay);
    replayInto(overlay, actions, keyOf);
    return overlay.size > overlayLimit ? undefined : new EngineFiles(this.#base, overlay, table);
  }

  totals(): Promise<{ files: number; bytes: number }> {
    this.#totals ??= this.#countTotals();
    return this.#totals;
  }

  async *all(
    options: { readonly statistics?: boolean | undefined } = {},
  ): AsyncIterable<readonly AddAction[]> {
    for (const source of this.#sources("add")) yield* this.#scan(source, "add", options);
    yield* inChunks(
      [...this.#overlay.values()].filter((action): action is AddAction => action.kind === "add"),
    );
  }

  async *paths(): AsyncIterable<readonly string[]> {
    for (const source of this.#sources("add")) yield* this.#scanPaths(source, "add");
    for (const chunk of inChunks([...this.#overlay.values()]))
      yield chunk.flatMap((action) => (action.kind === "add" ? [action.path] : []));
  }

  async *references(kind: "add" | "remove", since?: number): AsyncIterable<readonly string[]> {
    for (const source of this.#sources(kind)) {
      const column = quoteName(kind);
      const type = source.columns.get(kind);
      const time =
        fieldOf(type, "deletionTimestamp") === undefined ? sql`0` : sql`${column}.deletionTimestamp`;
      const isYoung =
        kind === "add" || since === undefined ? sql`TRUE` : sql`coalesce(${time}, 0) >= ${Math.ceil(since)}`;
      yield* this.#scanPaths(source, kind, isYoung);
      if (fieldOf(type, "deletionVector") === undefined) continue;
      const hasVector = sql`${isYoung} AND ${column}.deletionVector IS NOT NULL`;
      for await (const chunk of this.#scan(source, kind, { condition: hasVector }))
        yield chunk.flatMap((action) => pathsOf(action).slice(1));
    }
    yield* references(this.#overlay.values(), kind, since);
  }

  async prune(predicate: Predicate): Promise<PrunedFiles> {
    const test = fileTest(predicate, this.#table);
    const mayMatch = testOfFiles(test);
    const { files: listed } = await this.totals();
    const files: AddAction[] = [];
    for (const source of this.#sources("add")) {
      const type = source.columns.get("add");
      if (type === undefined) continue;
      const condition = fileTestSql(test, type);
      for (const add of await this.#select(source, "add", condition)) if (mayMatch(add)) files.push(add);
    }
    for (const action of this.#overlay.values())
      if (action.kind === "add" && mayMatch(action)) files.push(action);
    return { files, listed, skipped: listed - files.length };
  }

  async *tombstones(): AsyncIterable<readonly RemoveAction[]> {
    for (const source of this.#sources("remove")) yield* this.#scan(source, "remove");
    yield* inChunks(
      [...this.#overlay.values()].filter((action): action is RemoveAction => action.kind === "remove"),
    );
  }

  #sources(kind: "add" | "remove"): FileSource[] {
    const { checkpoint, tail } = this.#base;
    return [...checkpoint, ...(tail === undefined ? [] : [tail])].filter((source) =>
      source.columns.has(kind),
    );
  }

  async #countTotals(): Promise<{ files: number; bytes: number }> {
    let [files, bytes] = [0, 0];
    for (const source of this.#sources("add")) {
      const query = sql`SELECT count(*) AS files, sum("add".size) AS bytes FROM ${await this.#live(source, "add")}`;
      const [row] = await this.#rows(query, source);
      files += Number(row?.["files"] ?? 0);
      bytes += Number(row?.["bytes"] ?? 0);
    }
    for (const action of this.#overlay.values()) {
      if (action.kind !== "add") continue;
      files++;
      bytes += action.size;
    }
    return { files, bytes };
  }

  async *#scan<K extends "add" | "remove">(
    source: FileSource,
    kind: K,
    {
      condition = sql`TRUE`,
      statistics,
    }: { readonly condition?: SqlExpression; readonly statistics?: boolean | undefined } = {},
  ): AsyncIterable<readonly Extract<AddAction | RemoveAction, { kind: K }>[]> {
    for (let start = 0; start < source.rows; start += windowRows) {
      const window = sql`ordinal >= ${start} AND ordinal < ${start + windowRows}`;
      yield* inChunks(await this.#select(source, kind, sql`${window} AND ${condition}`, statistics));
    }
  }

  async *#scanPaths(
    source: FileSource,
    kind: "add" | "remove",
    condition: SqlExpression = sql`TRUE`,
  ): AsyncIterable<readonly string[]> {
    const live = await this.#live(source, kind);
    for (let start = 0; start < source.rows; start += pathWindowRows) {
      const window = sql`SELECT ${quoteName(kind)}.path AS path, ordinal FROM ${live} WHERE ordinal >= ${start} AND ordinal < ${start + pathWindowRows} AND ${condition}`;
      const part = sql`ordinal // ${filesPerChunk}`;
      const query = sql`SELECT CAST(to_json(list(path)) AS VARCHAR) AS batch FROM (${window}) GROUP BY ${part} ORDER BY ${part}`;
      for (const { batch } of await this.#base.session.rows(query, this.#parameters()))
        yield readPaths(batch, source.name);
    }
  }

  async #select<K extends "add" | "remove">(
    source: FileSource,
    kind: K,
    condition: SqlExpression | undefined,
    statistics?: boolean,
  ) {
    const type = source.columns.get(kind);
    if (type === undefined) return [];
    const where = condition === undefined ? sql`` : sql` WHERE ${condition}`;
    const json = sql`SELECT ${actionJsonSql(kind, type, statistics)} AS json, ordinal FROM ${await this.#live(source, kind)}${where}`;
    // One text for several hundred files is passed once, and is also parsed faster.
    const query = sql`SELECT '[' || string_agg(json, ',') || ']' AS batch FROM (${json}) GROUP BY ordinal // 512 ORDER BY ordinal // 512`;
    const rows = await this.#rows(query, source);
    return rows.flatMap((row) => readBatch(kind, row["batch"], source.name));
  }

  /**
   * @throws `LOG_GAP` if the file of the source is gone: cleanup removed the checkpoint, or its local copy
   * was evicted
   */
  async #rows(query: SqlSelect, source: FileSource): Promise<EngineRow[]> {
    const { session, mostMemory } = this.#base;
    try {
      try {
        return await session.rows(query, this.#parameters());
      } catch (error) {
        if (!isVarveError(error, "MEMORY_LIMIT_TOO_SMALL")) throw error;
        // Pages of a checkpoint with statistics on many columns can be huge, and every thread holds several.
        await session.execute(sql`SET threads = 1; SET memory_limit = ${quoteText(`${mostMemory}B`)}`);
        return await session.rows(query, this.#parameters());
      }
    } catch (error) {
      if (!isVarveError(error, "DATA_FILE_MISSING")) throw error;
      const message = `${source.name} was removed after this snapshot was opened, by log cleanup or from the local cache. Open the table again.`;
      throw new VarveError("LOG_GAP", message, { path: source.name }, error);
    }
  }

  /** The rows of a source that hold an action of this kind that nothing newer replaced. */
  async #live(source: FileSource, kind: "add" | "remove"): Promise<SqlExpression> {
    const type = source.columns.get(kind);
    assertInternal(type !== undefined, `${source.name} has no ${kind}`);
    const columns = sql`src.${quoteName(kind)}, src.ordinal`;
    const present = sql`src.${quoteName(kind)}.path IS NOT NULL`;
    const newer = this.#newerKeys(source);
    if (newer === undefined) return sql`(SELECT ${columns} FROM ${source.from} src WHERE ${present})`;
    if (source.keyed)
      return sql`(SELECT ${columns} FROM ${source.from} src WHERE ${present} AND src.key NOT IN (${newer}))`;
    const path = sql`src.${quoteName(kind)}.path`;
    const hasSpecialKeys = await this.#base.hasSpecialKeys();
    const special = hasSpecialKeys ? sql` LEFT JOIN special_keys ON special_keys.path = ${path}` : sql``;
    const pathKey = hasSpecialKeys ? sql`coalesce(special_keys.key, ${pathKeySql(path)})` : pathKeySql(path);
    return sql`(SELECT ${columns} FROM ${source.from} src${special} WHERE ${present} AND (${pathKey} || ${vectorKeySql(sql`src.${quoteName(kind)}`, type)}) NOT IN (${newer}))`;
  }

  /** SQL of the keys of everything newer than a source, or `undefined` if there is nothing. */
  #newerKeys(source: FileSource): SqlSelect | undefined {
    const { tail } = this.#base;
    const parts = [
      ...(tail === undefined || tail === source ? [] : [sql`SELECT key FROM ${tail.from}`]),
      ...(this.#overlay.size === 0 ? [] : [sql`SELECT unnest($1::VARCHAR[])`]),
    ];
    return parts.length === 0 ? undefined : joinSql(parts, sql` UNION ALL `);
  }

  #parameters(): readonly (readonly string[])[] {
    return this.#overlay.size === 0 ? [] : [[...this.#overlay.keys()]];
  }
}

function readBatch<K extends "add" | "remove">(
  kind: K,
  text: unknown,
  name: string,
): Extract<AddAction | RemoveAction, { kind: K }>[] {
  // Every number of a file action that may exceed 2^53 is passed as text.
  const items = typeof text === "string" ? parseRoundedJson(text) : undefined;
  if (!Array.isArray(items)) throw corrupt(name, `${kind} is not a list`);
  return items.map((item) => {
    if (!isJsonObject(item)) throw corrupt(name, `${kind} must be an object`);
    return actionFromJson(kind, item, name);
  });
}

function readPaths(text: unknown, name: string): string[] {
  const items: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
  if (!Array.isArray(items) || !items.every((item) => typeof item === "string"))
    throw corrupt(name, "path must be a string");
  return items;
}

function* inChunks<T>(items: readonly T[]): Iterable<readonly T[]> {
  for (let start = 0; start < items.length; start += filesPerChunk)
    yield items.slice(start, start + filesPerChunk);
}
