// A batch a day, tested before it lands: repeating a day after a crash loses and doubles nothing.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { check, createTable, isVarveError, schema, suite } from "varve";

await rm("daily-orders", { recursive: true, force: true });
await using orders = await createTable("daily-orders", {
  schema: schema().long("id", { nullable: false }).string("customer").double("amount").date("day"),
  partitionBy: ["day"],
});
await orders.suite.set(
  suite(
    "orders",
    [
      check.notNull("customer", { onFail: "reject" }),
      check.positive("amount", { onFail: "quarantine" }),
      check.unique("id", { acrossTable: true, onFail: "quarantine" }),
    ],
    { maxBadShare: 0.5 },
  ),
);

const monday = [
  { id: 1n, customer: "acme", amount: 12.5, day: "2024-06-03" },
  { id: 2n, customer: "zenith", amount: -3, day: "2024-06-03" },
];
const landed = await orders.append(monday, { batchId: "2024-06-03" });
assert.equal(landed.rows, 1);
assert.equal(landed.quarantine?.rows, 1);
// the job runs again, because nobody knows how far it came
assert.equal((await orders.append(monday, { batchId: "2024-06-03" })).outcome, "alreadyApplied");

const tuesday = [{ id: 3n, customer: null, amount: 8, day: "2024-06-04" }];
await assert.rejects(orders.append(tuesday, { batchId: "2024-06-04" }), (error) => {
  assert.ok(isVarveError(error, "BATCH_REJECTED"));
  console.log(error.message);
  return true;
});
assert.equal(await orders.count(), 1);
for (const { version, operation, rowsAdded, gate } of await orders.history())
  console.log(version, operation, rowsAdded, gate?.["quarantined"]);
