import { clone, twoDeletions } from "./copies.ts";
import { assigned, assignment, type Condition, condition, type ModelRow } from "./expressions.ts";
import type { ModelChange, Tracked } from "./history.ts";
import { alterDefinition, layOut, optimize } from "./layouts.ts";
import { append, changesOf, newRows, type Operation } from "./step.ts";

const addColumn: Operation = async (step) => {
  const { table, random, state } = step;
  // A column that a restore took away and one that is added later are two, so each has a name of its own.
  const extra = `extra${state.version}`;
  if (state.columns.length > 9) return append(step);
  const columns = [...state.columns, extra];
  const added = newRows(random, columns, 3);
  added[0] = { ...added[0], [extra]: 1n };
  await table.append(added, { mergeSchema: true });
  const rows = added.map((values): Tracked => ({ values }));
  return {
    told: "append with a new column",
    columns,
    rows: [...state.rows.map((row) => ({ ...row, values: { ...row.values, [extra]: null } })), ...rows],
    changes: changesOf("insert", rows),
  };
};

const remove: Operation = async ({ table, random, state }) => {
  const where = condition(random, state.columns);
  const gone = state.rows.filter(({ values }) => where.of(values) === true);
  await table.delete(where.sql);
  return {
    told: `delete where ${where.sql}`,
    rows: state.rows.filter((row) => !gone.includes(row)),
    changes: changesOf("delete", gone),
    commits: gone.length > 0,
  };
};

const update: Operation = async ({ table, random, state }) => {
  const where: Condition =
    random.below(8) === 0 ? { sql: "true", of: () => true } : condition(random, state.columns);
  const first = assignment(random, state.columns);
  const second = assignment(random, state.columns);
  const set = second.path[0] === first.path[0] ? [first] : [first, second];
  const changes: ModelChange[] = [];
  const rows = state.rows.map((row): Tracked => {
    if (where.of(row.values) !== true) return row;
    const values = assigned(row.values, set);
    changes.push({ type: "update_preimage", values: row.values }, { type: "update_postimage", values });
    return { ...row, values, changedIn: undefined };
  });
  await table.update({
    set: Object.fromEntries(set.map(({ path, sql }) => [path.join("."), sql])),
    where: where.sql,
  });
  const told = set.map(({ path, sql }) => `${path.join(".")} = ${sql}`).join(", ");
  return { told: `update ${told} where ${where.sql}`, rows, changes, commits: changes.length > 0 };
};

const overwrite: Operation = async ({ table, random, state }) => {
  const added = newRows(random, state.columns, random.below(6));
  const rows = added.map((values): Tracked => ({ values }));
  await table.overwrite(added);
  return {
    told: `overwrite by ${rows.length} rows`,
    rows,
    changes: [...changesOf("delete", state.rows), ...changesOf("insert", rows)],
    commits: state.rows.length + rows.length > 0,
  };
};

const replaceWhere: Operation = async ({ table, random, state }) => {
  const where = condition(random, state.columns);
  const gone = state.rows.filter(({ values }) => where.of(values) === true);
  const added = newRows(random, state.columns, 8).filter((values) => where.of(values) === true);
  const rows = added.map((values): Tracked => ({ values }));
  await table.overwrite(added, { replaceWhere: where.sql });
  return {
    told: `replace where ${where.sql} by ${rows.length} rows`,
    rows: [...state.rows.filter((row) => !gone.includes(row)), ...rows],
    changes: [...changesOf("delete", gone), ...changesOf("insert", rows)],
    commits: gone.length + rows.length > 0,
  };
};

const replacePartitions: Operation = async (step) => {
  const { table, random, state } = step;
  if (table.snapshot().partitionColumns.length === 0) return append(step);
  const added = newRows(random, state.columns, 1 + random.below(4));
  const partitions = new Set(added.map(({ p }) => p));
  const gone = state.rows.filter(({ values }) => partitions.has(values["p"]));
  const rows = added.map((values): Tracked => ({ values }));
  await table.overwrite(added, { dynamicPartitions: true });
  return {
    told: `overwrite of ${partitions.size} partitions`,
    rows: [...state.rows.filter((row) => !gone.includes(row)), ...rows],
    changes: [...changesOf("delete", gone), ...changesOf("insert", rows)],
  };
};

const restore: Operation = async ({ table, random, past }) => {
  // Mostly a late version, of which files remain with other deletion vectors.
  const late = past.slice(-4, -1);
  const target = random.of(late.length > 0 && random.below(4) > 0 ? late : past);
  const { outcome } = await table.restore(target.version);
  return {
    told: `restore to version ${target.version}`,
    rows: target.rows,
    columns: target.columns,
    commits: outcome === "committed",
  };
};

const maintainLog: Operation = async ({ table, state }) => {
  await table.log.checkpoint();
  return { told: "checkpoint", rows: state.rows, changes: [], commits: false };
};

/** The clauses of a merge: the table's rows that match a row of the source or none, and the source's that match none. */
const merge: Operation = async ({ table, random, state }) => {
  const { columns } = state;
  const drawn = newRows(random, columns, 2 + random.below(10));
  const source = drawn.filter(
    ({ id }, index) => id === null || drawn.findIndex((row) => row["id"] === id) === index,
  );
  const matchOf = ({ id }: ModelRow) => (id === null ? undefined : source.find((row) => row["id"] === id));
  const first = condition(random, columns, "target.");
  const unmatched = condition(random, columns, "source.");
  const alone = condition(random, columns, "target.");
  const deletesFirst = random.below(2) === 0;
  const insertsAll = random.below(2) === 0;
  const changesAlone = random.below(3) === 0;
  let builder = table.merge(source, { on: "target.id = source.id" });
  builder = deletesFirst
    ? builder.whenMatchedDelete({ condition: first.sql }).whenMatchedUpdateAll()
    : builder.whenMatchedUpdate({ set: { id: "source.id + 100" }, condition: first.sql });
  builder = builder.whenNotMatchedInsertAll(insertsAll ? {} : { condition: unmatched.sql });
  if (changesAlone)
    builder = builder
      .whenNotMatchedBySourceUpdate({ set: { id: "target.id + 1000" }, condition: alone.sql })
      .whenNotMatchedBySourceDelete();
  await builder.execute();
  const changes: ModelChange[] = [];
  const rows: Tracked[] = [];
  const become = (row: Tracked, values: ModelRow) => {
    changes.push({ type: "update_preimage", values: row.values }, { type: "update_postimage", values });
    rows.push({ ...row, values, changedIn: undefined });
  };
  for (const row of state.rows) {
    const { values } = row;
    const match = matchOf(values);
    const chosen = match !== undefined && first.of(values) === true;
    if (match !== undefined && deletesFirst) {
      if (chosen) changes.push({ type: "delete", values });
      else become(row, match);
    } else if (chosen) become(row, { ...values, id: (match["id"] as bigint) + 100n });
    else if (match !== undefined || !changesAlone) rows.push(row);
    else if (alone.of(values) === true)
      become(row, { ...values, id: values["id"] === null ? null : (values["id"] as bigint) + 1000n });
    else changes.push({ type: "delete", values });
  }
  for (const values of source) {
    const isMatched = values["id"] !== null && state.rows.some((row) => row.values["id"] === values["id"]);
    if (isMatched || !(insertsAll || unmatched.of(values) === true)) continue;
    changes.push({ type: "insert", values });
    rows.push({ values });
  }
  const told = `merge of ${source.length} rows (${deletesFirst ? "delete" : "update"} where ${first.sql}; insert ${insertsAll ? "all" : `where ${unmatched.sql}`}${changesAlone ? `; others update where ${alone.sql}, or delete` : ""})`;
  return { told, rows, changes, commits: changes.length > 0 };
};

const vacuum: Operation = async ({ table, random, state }) => {
  const record = random.below(2) === 0;
  const { outcome, unreadableVersions, files } = await table.vacuum({
    retainHours: 0,
    retentionCheck: false,
    record,
  });
  const unreadable = unreadableVersions.flatMap(({ from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index),
  );
  return {
    told: `vacuum of ${files.length} files, after which ${unreadable.join(", ") || "no version"} cannot be read (${outcome})`,
    rows: state.rows,
    changes: [],
    commits: record && outcome === "deleted" ? 2 : 0,
    unreadable,
  };
};

/** Changes of the columns that {@link addColumn} adds. */
const alterColumns: Operation = async (step) => {
  const { table, random, state } = step;
  const extra = state.columns.filter((name) => name.startsWith("extra"));
  if (table.snapshot().properties["delta.columnMapping.mode"] !== "name" || extra.length === 0)
    return addColumn(step);
  const chosen = random.of(extra);
  const rows = (from: string, to?: string): Tracked[] =>
    state.rows.map((row) => {
      const { [from]: moved, ...rest } = row.values;
      return { ...row, values: to === undefined ? rest : { ...rest, [to]: moved } };
    });
  if (random.below(2) === 0) {
    const columns = state.columns.filter((name) => name !== chosen);
    await table.alter({ dropColumns: [chosen] });
    return { told: `drop column ${chosen}`, columns, rows: rows(chosen), changes: [] };
  }
  const renamed = `extra${state.version}r`;
  const columns = state.columns.map((name) => (name === chosen ? renamed : name));
  await table.alter({ renameColumns: { [chosen]: renamed } });
  return { told: `rename column ${chosen}`, columns, rows: rows(chosen, renamed), changes: [] };
};

const enableVectors: Operation = async ({ table, state }) => {
  const isOn = table.snapshot().properties["delta.enableDeletionVectors"] === "true";
  const value = isOn ? "false" : "true";
  await table.alter({ set: { "delta.enableDeletionVectors": value }, upgradeProtocol: true });
  return { told: `deletion vectors ${value}`, rows: state.rows, changes: [] };
};

/** Every operation by its share of the steps. */
export const operations: readonly Operation[] = [
  append,
  append,
  append,
  addColumn,
  remove,
  remove,
  update,
  update,
  merge,
  merge,
  merge,
  overwrite,
  replaceWhere,
  replacePartitions,
  optimize,
  layOut,
  alterDefinition,
  clone,
  twoDeletions,
  restore,
  restore,
  restore,
  vacuum,
  alterColumns,
  enableVectors,
  maintainLog,
];
