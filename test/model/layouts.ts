import type { AlterOptions } from "../../src/operations/alter/alter-options.ts";
import { append, type Expected, type Operation } from "./step.ts";

/** Columns by which rows can be laid out, and that no operation drops. */
const orderable = (columns: readonly string[]) =>
  columns.filter((name) => ["id", "s", "x", "i"].includes(name));

/** Writes small files together. */
export const optimize: Operation = async ({ table, state }) => {
  const { outcome } = await table.optimize();
  return { told: "optimize", rows: state.rows, changes: [], commits: outcome === "committed" };
};

/** Lays rows out by Z-order or clustering, or purges those that are marked. */
export const layOut: Operation = async ({ table, random, state }) => {
  const by = orderable(state.columns);
  const zorderBy = [...new Set([random.of(by), random.of(by)])];
  const isClustered = (await table.snapshot().describe()).writerFeatures.includes("clustering");
  const options = random.below(3) === 0 ? { purge: true } : isClustered ? {} : { zorderBy };
  const { outcome, kind } = await table.optimize(options);
  return {
    told: `optimize, ${kind} (${zorderBy.join(", ")})`,
    rows: state.rows,
    changes: [],
    commits: outcome === "committed",
  };
};

/** A change of the definition that changes no row: another position, a wider type, NOT NULL, another clustering. */
export const alterDefinition: Operation = async (step) => {
  const { table, random, state } = step;
  const altered = async (told: string, options: AlterOptions): Promise<Expected> => {
    const { outcome } = await table.alter({ ...options, upgradeProtocol: true });
    return { told, rows: state.rows, changes: [], commits: outcome === "committed" };
  };
  const field = table.snapshot().schema.fields.find(({ name }) => name === "i");
  switch (random.below(4)) {
    case 0: {
      const column = random.of(state.columns);
      return altered(`${column} first`, { alterColumns: { [column]: { position: "first" } } });
    }
    case 1:
      if (field === undefined) return append(step);
      return altered("i as BIGINT", {
        set: { "delta.enableTypeWidening": "true" },
        alterColumns: { i: { type: "BIGINT" } },
      });
    case 2: {
      if (field === undefined) return append(step);
      const nullable = !field.nullable;
      return altered(`i ${nullable ? "NULL" : "NOT NULL"}`, { alterColumns: { i: { nullable } } });
    }
    default: {
      if (table.snapshot().partitionColumns.length > 0) return append(step);
      const by = random.below(3) === 0 ? [] : [random.of(orderable(state.columns))];
      return altered(`clustered by ${by.join()}`, { clusterBy: by });
    }
  }
};
