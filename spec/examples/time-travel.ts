// Every version can be read: by number, by time, and several of them in one query.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { createTable, openTable, query } from "varve";

await rm("prices", { recursive: true, force: true });
await using prices = await createTable("prices", {
  source: [
    { item: "bolt", price: 10 },
    { item: "nut", price: 4 },
  ],
});
const before = prices.snapshot();
await prices.overwrite([{ item: "bolt", price: 11 }], { replaceWhere: "item = 'bolt'" });

assert.equal(await (await prices.at(0)).count("price = 10"), 1);
assert.equal((await prices.at(before.timestamp)).version, 0);
await using pinned = await openTable("prices@v0");
assert.equal(await pinned.count("price = 10"), 1);

const raised = await query(
  "SELECT item, old.price AS was, now.price AS is FROM prices now JOIN prices VERSION AS OF 0 old USING (item) WHERE now.price > old.price",
  { tables: { prices } },
);
for await (const row of raised.rows()) assert.deepEqual({ ...row }, { item: "bolt", was: 10n, is: 11n });

const { version, timestamp } = prices.snapshot();
console.log(`version ${version}, committed ${timestamp.toISOString()}`);
