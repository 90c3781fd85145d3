import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { createLedger } from "../../src/api/ledger.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";

/** What may happen to a table after predictions were made from it. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("append" as const), id: fc.nat(8), value: fc.integer() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), id: fc.nat(8) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("merge" as const), id: fc.nat(8), value: fc.integer() }),
  },
  fc.record({ kind: fc.constant("optimize" as const) }),
  fc.record({ kind: fc.constant("restore" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant("column" as const) }),
  fc.record({ kind: fc.constant("vacuum" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(table: Table, action: Step, number: number): Promise<void> {
  const { version } = table.snapshot();
  switch (action.kind) {
    case "append":
      await table.append([{ id: action.id, value: action.value }]);
      return;
    case "delete":
      await table.delete(`id = ${action.id}`);
      return;
    case "merge":
      await table
        .merge([{ id: action.id, value: action.value }], {
          on: "target.id = source.id AND target.value % 2 = 0",
        })
        .whenMatchedUpdate({ set: { value: "source.value" } })
        .whenNotMatchedInsert({ values: { id: "source.id", value: "source.value" } })
        .execute();
      return;
    case "optimize":
      await table.optimize();
      return;
    case "restore":
      await restore(table, Math.floor(action.share * version));
      return;
    case "column":
      await table.alter({ addColumns: [`c${number} STRING`] });
      return;
    case "vacuum":
      await table.vacuum({ retainHours: 0, retentionCheck: false });
  }
}

/** A version whose files a vacuum deleted cannot come back. */
async function restore(table: Table, version: number): Promise<void> {
  try {
    await table.restore(version);
  } catch (error) {
    if (!isVarveError(error, "DATA_FILE_MISSING")) throw error;
  }
}

describe("predictions of random histories", () => {
  it.each([{}, { "delta.enableDeletionVectors": "true" }])(
    "reproduce exactly, or fail naming the rows once a vacuum deleted them (%j)",
    async (properties) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
          const folder = freshFolder();
          const uri = join(folder, "t");
          const table = await createTable(uri, { schema: schema().long("id").long("value"), properties });
          const ledger = await createLedger(join(folder, "ledger"));
          await table.append([0, 1, 2, 3].map((id) => ({ id, value: id * 2 })));
          const said = new Map<string, unknown[]>();
          let vacuumed = false;
          for (const [number, action] of steps.entries()) {
            await take(table, action, number);
            vacuumed ||= action.kind === "vacuum";
            const { version } = table.snapshot();
            const where = `id % 2 = ${number % 2}`;
            if ((await table.count(where)) === 0) continue;
            const rows: unknown[] = [];
            for await (const row of table.rows({ where })) rows.push(row);
            const predictionId = `p${number}`;
            said.set(predictionId, rows);
            await ledger.record({
              predictionId,
              inputs: { table: uri, version, where },
              output: rows.length,
            });
          }
          await table.close();
          const before = dataFiles(uri).length;
          for (const [predictionId, rows] of said)
            await expectReproduced(ledger, predictionId, { rows, vacuumed });
          expect(dataFiles(uri)).toHaveLength(before);
        }),
        { numRuns: 4 },
      );
    },
  );
});

async function expectReproduced(
  ledger: Awaited<ReturnType<typeof createLedger>>,
  predictionId: string,
  { rows, vacuumed }: { readonly rows: readonly unknown[]; readonly vacuumed: boolean },
): Promise<void> {
  try {
    const { inputs } = await ledger.reproduce(predictionId);
    const data = inputs[0]?.data ?? [];
    expect(data).toHaveLength(rows.length);
    expect(data).toEqual(expect.arrayContaining([...rows]));
  } catch (error) {
    if (!vacuumed || !isVarveError(error, "PREDICTION_NOT_REPRODUCIBLE")) throw error;
    expect(error.data["gone"]).toEqual(["rows"]);
  }
}
