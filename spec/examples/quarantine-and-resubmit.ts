// Rows that fail their tests wait in quarantine with their reasons, are repaired, and go in at most once.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { check, createTable, suite } from "varve";

await rm("readings", { recursive: true, force: true });
await using readings = await createTable("readings", { source: [{ sensor: "a", celsius: 21.5 }] });
await readings.suite.set(
  suite(
    "readings",
    [check.between("celsius", { min: -50, max: 60 }, { id: "range", onFail: "quarantine" })],
    { maxBadShare: 0.7 }, // by default, a batch is rejected if more than half of its rows fail
  ),
);
await readings.append(
  [
    { sensor: "a", celsius: 20 },
    { sensor: "b", celsius: 70 }, // in Fahrenheit
    { sensor: "c", celsius: 9999 }, // broken
  ],
  { batchId: "june" },
);
assert.equal(await readings.count(), 2);

const [batch] = await readings.quarantine.list();
assert.equal(batch?.open, 2);
for (const row of await readings.quarantine.read({ checkId: "range" })) console.log(row["errors"]);

await readings.quarantine.repair(
  { batchId: "june" },
  { celsius: "CASE WHEN celsius < 200 THEN (celsius - 32) / 1.8 ELSE celsius END" },
);
const { landed, stillBad } = await readings.quarantine.resubmit({ all: true });
assert.deepEqual({ landed, stillBad }, { landed: 1, stillBad: 1 });
assert.equal(await readings.quarantine.discard({ all: true }, "sensor c was broken"), 1);
assert.equal(await readings.count(), 3);
