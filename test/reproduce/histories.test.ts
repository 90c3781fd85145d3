import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger, type Ledger } from "../../src/api/ledger.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import type { PredictionInput } from "../../src/reproduce/prediction.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import fc from "../support/fast-check.ts";

const runs = Number(process.env["VARVE_RUNS"] ?? 6);

/** What may happen to a table before and after predictions are made from it. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("append" as const), id: fc.nat(9), value: fc.integer() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), id: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("update" as const), id: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("merge" as const), id: fc.nat(9), value: fc.integer() }),
  },
  fc.record({ kind: fc.constant("optimize" as const), zorder: fc.boolean() }),
  fc.record({ kind: fc.constant("restore" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant("addColumn" as const) }),
  fc.record({ kind: fc.constant("renameColumn" as const) }),
  fc.record({ kind: fc.constant("dropColumn" as const) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("vacuum" as const) }) },
  fc.record({ kind: fc.constant("cleanLog" as const) }),
  fc.record({ kind: fc.constant("clone" as const), deep: fc.boolean() }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pin" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unpin" as const), pick: fc.nat(9) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("predict" as const),
      by: fc.constantFrom("key" as const, "where" as const, "pin" as const, "source" as const),
      id: fc.nat(9),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What kind of table the history is of. */
const shape = fc.record({
  vectors: fc.boolean(),
  mapping: fc.boolean(),
  rowTracking: fc.boolean(),
  partitioned: fc.boolean(),
});

/** A recorded prediction, and the rows that it was made from. */
interface Made {
  readonly uri: string;
  readonly version: number;
  readonly rows: readonly unknown[];
}

/** A table with its ledger, and what its history did to old versions. */
class History {
  readonly made = new Map<string, Made>();
  /** Versions of pins that are there. */
  readonly pins = new Map<string, number>();
  /** The newest versions at which a vacuum or log cleanup removed older ones. */
  vacuumed = -1;
  cleaned = -1;
  readonly uri: string;
  readonly #folder: string;
  readonly #table: Table;
  readonly ledger: Ledger;
  #columns = ["text"];
  #number = 0;

  constructor(folder: string, table: Table, ledger: Ledger) {
    this.#folder = folder;
    this.uri = join(folder, "t");
    this.#table = table;
    this.ledger = ledger;
  }

  async take(action: Step): Promise<void> {
    const [table, number] = [this.#table, this.#number++];
    switch (action.kind) {
      case "append":
        return void (await table.append([{ id: action.id, value: action.value, part: action.id % 2 }]));
      case "delete":
        return void (await table.delete(`id = ${action.id}`));
      case "update":
        return void (await table.update({
          set: { value: `value + ${number}` },
          where: `id >= ${action.id}`,
        }));
      case "merge":
        return void (await table
          .merge([{ id: action.id, value: action.value, part: action.id % 2 }], {
            on: "target.id = source.id AND target.value % 2 = 0",
          })
          .whenMatchedUpdate({ set: { value: "source.value" } })
          .whenNotMatchedInsert({ values: { id: "source.id", value: "source.value", part: "source.part" } })
          .execute());
      case "optimize":
        return void (await table.optimize(action.zorder ? { zorderBy: ["value"] } : {}));
      case "restore":
        return this.#restore(Math.floor(action.share * table.snapshot().version));
      case "vacuum":
        await table.vacuum({ retainHours: 0, retentionCheck: false });
        this.vacuumed = table.snapshot().version;
        return;
      case "cleanLog":
        return this.#cleanLog();
      case "pin":
        await table.pins.add(`pin-${number}`, {});
        this.pins.set(`pin-${number}`, table.snapshot().version);
        return;
      case "unpin":
        return this.#unpin(action.pick);
      case "clone":
        return this.#clone(action.deep);
      case "predict":
        return this.#predict(action);
      default:
        return this.#alter(action.kind);
    }
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  /** Whether everything that a prediction was made from must be there still. */
  isKept({ uri, version }: Made): boolean {
    if (uri !== this.#table.uri) return this.vacuumed < 0;
    return [...this.pins.values()].includes(version) || (this.vacuumed <= version && this.cleaned <= version);
  }

  /** A version whose files a vacuum deleted, or whose log was cleaned, cannot come back. */
  async #restore(version: number): Promise<void> {
    try {
      await this.#table.restore(version);
    } catch (error) {
      if (!isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND")) throw error;
      expect(Math.max(this.vacuumed, this.cleaned)).toBeGreaterThan(version);
    }
  }

  /** Makes the log's files old, and removes those that the newest checkpoint replaces. */
  async #cleanLog(): Promise<void> {
    const { version } = this.#table.snapshot();
    await this.#table.log.checkpoint();
    const log = join(this.#folder, "t", "_delta_log");
    for (const file of readdirSync(log)) {
      const own = Number(/^\d{20}/.exec(file)?.[0] ?? version);
      const time = Date.now() / 1000 - 30 * 86_400 + own;
      utimesSync(join(log, file), time, time);
    }
    await this.#table.log.clean();
    this.cleaned = version;
  }

  async #unpin(pick: number): Promise<void> {
    const name = [...this.pins.keys()][pick % Math.max(1, this.pins.size)];
    if (name === undefined) return;
    await this.#table.pins.remove(name);
    this.pins.delete(name);
  }

  /** A clone, from which a prediction is made; a shallow one has its files in the table. */
  async #clone(deep: boolean): Promise<void> {
    const uri = join(this.#folder, `clone-${this.#number}`);
    await this.#table.clone(uri, { deep });
    await using clone = await openTable(uri);
    await this.#record({ table: clone.uri, version: clone.snapshot().version, where: "id % 3 <> 1" }, clone);
  }

  /** Columns come and go; a dropped or renamed one needs column mapping. */
  async #alter(kind: "addColumn" | "renameColumn" | "dropColumn"): Promise<void> {
    const name = `c${this.#number}`;
    const [last = "text"] = this.#columns.slice(-1);
    if (kind === "addColumn") {
      await this.#table.alter({ addColumns: [`${name} STRING`] });
      this.#columns.push(name);
      return;
    }
    if (!(await this.#isMapped()) || this.#columns.length < 2) return;
    const { fields } = this.#table.snapshot().schema;
    // A restore may have brought back other columns.
    if (!fields.some((field) => field.name === last) || fields.some((field) => field.name === name)) return;
    if (kind === "renameColumn") await this.#table.alter({ renameColumns: { [last]: name } });
    else await this.#table.alter({ dropColumns: [last] });
    this.#columns.pop();
    if (kind === "renameColumn") this.#columns.push(name);
  }

  async #isMapped(): Promise<boolean> {
    const { properties } = await this.#table.snapshot().describe();
    return properties["delta.columnMapping.mode"] === "name";
  }

  async #predict({ by, id }: Extract<Step, { kind: "predict" }>): Promise<void> {
    const table = this.#table;
    const { version } = table.snapshot();
    const place = { table: table.uri, version };
    if (by === "key") return this.#record({ ...place, key: { id } }, table);
    if (by === "where") return this.#record({ ...place, where: `id % 2 = ${id % 2} OR value < 0` }, table);
    if (by === "source") return this.#recordFrom(id);
    const [name, pinned] = [...this.pins][id % Math.max(1, this.pins.size)] ?? [];
    if (name === undefined || pinned === undefined) return;
    await using pin = await openTable(`${table.uri}@${name}`);
    await this.#record({ table: `${table.uri}@${name}`, where: "id < 7" }, pin, pinned);
  }

  async #record(
    inputs: PredictionInput & { readonly table: string },
    rows: Table,
    version = rows.snapshot().version,
  ): Promise<void> {
    const where = "where" in inputs ? inputs.where : `id = ${"key" in inputs ? inputs.key["id"] : ""}`;
    const data = await listed(rows, where);
    if (data.length === 0) return;
    const predictionId = `p${this.#number}`;
    await this.ledger.record({ predictionId, inputs, output: data.length });
    const uri = inputs.table.replace(/@pin-\d+$/, "");
    this.made.set(predictionId, { uri, version, rows: data });
  }

  async #recordFrom(id: number): Promise<void> {
    const { uri } = this.#table;
    const { version } = this.#table.snapshot();
    const data = await listed(this.#table, `id = ${id}`);
    if (data.length === 0) return;
    const predictionId = `p${this.#number}`;
    const sql = `SELECT '${predictionId}' AS prediction_id, ${id} AS id, ${data.length} AS output`;
    await this.ledger.recordFrom({ sql }, { inputs: { table: uri, version, key: ["id"] } });
    this.made.set(predictionId, { uri, version, rows: data });
  }
}

async function listed(table: Table, where: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of table.rows({ where })) rows.push(row);
  return rows;
}

async function startHistory({
  vectors,
  mapping,
  rowTracking,
  partitioned,
}: typeof shape extends fc.Arbitrary<infer T> ? T : never): Promise<History> {
  const folder = freshFolder();
  const properties = {
    "delta.enableDeletionVectors": String(vectors),
    "delta.enableRowTracking": String(rowTracking),
    "delta.columnMapping.mode": mapping ? "name" : "none",
  };
  const table = await createTable(join(folder, "t"), {
    schema: schema().long("id").long("value").long("part").string("text"),
    partitionBy: partitioned ? ["part"] : [],
    properties,
  });
  await table.append([0, 1, 2, 3].map((id) => ({ id, value: id * 2, part: id % 2, text: `t${id}` })));
  return new History(folder, table, await createLedger(join(folder, "ledger")));
}

async function expectReproduced(history: History, predictionId: string, made: Made): Promise<boolean> {
  try {
    const { inputs } = await history.ledger.reproduce(predictionId);
    const data = inputs[0]?.data ?? [];
    expect(data).toHaveLength(made.rows.length);
    expect(data).toEqual(expect.arrayContaining([...made.rows]));
    return true;
  } catch (error) {
    if (history.isKept(made) || !isVarveError(error, "PREDICTION_NOT_REPRODUCIBLE")) throw error;
    const gone = error.data["gone"] as readonly string[];
    expect(gone).toHaveLength(1);
    // A version that is in the log lacks rows only by a vacuum, and one that is not only by a cleanup.
    if (gone[0] === "rows") expect(history.vacuumed).toBeGreaterThanOrEqual(0);
    else expect([gone[0], history.cleaned > made.version]).toEqual(["version", true]);
    return false;
  }
}

describe("predictions of random histories", () => {
  it("reproduce exactly, or fail naming what is gone if no pin keeps it", async () => {
    const seen = { reproduced: 0, gone: 0 };
    await fc.assert(
      fc.asyncProperty(shape, fc.array(step, { minLength: 8, maxLength: 24 }), async (kind, steps) => {
        const history = await startHistory(kind);
        for (const action of steps) await history.take(action);
        await history.close();
        const before = dataFiles(history.uri).length;
        for (const [predictionId, made] of history.made)
          seen[(await expectReproduced(history, predictionId, made)) ? "reproduced" : "gone"]++;
        expect(dataFiles(history.uri)).toHaveLength(before);
      }),
      { numRuns: runs },
    );
    // Histories in which nothing could fail, or nothing was recorded, would prove nothing.
    expect(seen.reproduced).toBeGreaterThan(0);
    if (runs >= 50) expect(seen.gone).toBeGreaterThan(0);
  });
});
