import { assert, expect } from "vitest";
import type { Table } from "../../src/api/table.ts";
import { stringifyJson, toJsonValue } from "../../src/util/json.ts";
import type { ModelRow } from "./expressions.ts";

/** A row of the model. */
export interface Tracked {
  readonly values: ModelRow;
  /** Its id in a table with row tracking, once a read has told it. */
  readonly rowId?: bigint | undefined;
  /** The version that last changed it, once a read has told it; absent if that is the newest one. */
  readonly changedIn?: bigint | undefined;
}

/** A version of the model. */
export interface ModelVersion {
  readonly version: number;
  readonly columns: readonly string[];
  readonly rows: readonly Tracked[];
}

/** What the feed of a version tells. */
export interface ModelChange {
  readonly type: "insert" | "delete" | "update_preimage" | "update_postimage";
  readonly values: ModelRow;
}

/** A row as one text, with its columns in order; values that are equal have equal texts. */
export function textOf(values: ModelRow, columns: readonly string[]): string {
  return stringifyJson(toJsonValue(columns.map((name) => plain(values[name] ?? null))));
}

/** Structs with their fields in one order; numbers of 64 bits as they are. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The rows of a version that a table has, as texts in order. */
export async function rowsAt(snapshot: Pick<Table, "rows">, columns: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const row of snapshot.rows()) found.push(textOf(row, columns));
  return found.sort();
}

export function textsOf({ rows, columns }: ModelVersion): string[] {
  return rows.map(({ values }) => textOf(values, columns)).sort();
}

/**
 * Reads row ids and commit versions, and holds those that the model knows against the table's: a row keeps its id while
 * it lives, and its commit version until it is changed.
 */
export async function withRowIds(table: Table, state: ModelVersion): Promise<ModelVersion> {
  const found = new Map<bigint, { readonly text: string; readonly changedIn: bigint }>();
  const unknown = new Map<string, bigint[]>();
  const known = new Set(state.rows.flatMap(({ rowId }) => (rowId === undefined ? [] : [rowId])));
  for await (const row of table.rows({ rowTracking: true })) {
    const { row_id: id, row_commit_version: changedIn } = row["_metadata"] as unknown as Metadata;
    expect(found.has(id), `row id ${id} twice`).toBe(false);
    const text = textOf(row, state.columns);
    found.set(id, { text, changedIn });
    if (!known.has(id)) unknown.set(text, [...(unknown.get(text) ?? []), id]);
  }
  const rows = state.rows.map((row): Tracked => {
    const text = textOf(row.values, state.columns);
    const rowId = row.rowId ?? unknown.get(text)?.pop();
    assert(rowId !== undefined, `no id of the new row ${text}`);
    const changedIn = row.changedIn ?? BigInt(state.version);
    expect(found.get(rowId), `the row with id ${rowId}`).toEqual({ text, changedIn });
    return { ...row, rowId, changedIn };
  });
  return { ...state, rows };
}

interface Metadata {
  readonly row_id: bigint;
  readonly row_commit_version: bigint;
}

/** The feed of one version, as texts in order. */
export async function feedOf(table: Table, version: number, columns: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const row of (await table.changes({ from: version, to: version })).rows())
    found.push(`${String(row["_change_type"])} ${textOf(row, columns)}`);
  return found.sort();
}
