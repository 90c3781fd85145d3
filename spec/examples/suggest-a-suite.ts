// A suite that the rows suggest, edited, tried on new rows without writing, and made part of the table.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { createTable, isVarveError, stringifyJson, toJsonValue } from "varve";
import { checkHtml, checkText } from "varve/report";
import { parseSuite, runSuite } from "varve/suite";

await rm("flights", { recursive: true, force: true });
const rows = Array.from({ length: 100 }, (_, index) => ({
  flight: `V${index}`,
  origin: index % 2 ? "ZRH" : "GVA",
  delay: index % 7,
}));
await using flights = await createTable("flights", { source: rows });

const { suite: suggested, reasons } = await flights.suite.suggest({ name: "flights" });
for (const { id = "", kind } of suggested.checks) console.log(kind, reasons[id]);

// as a file that people edit
const text = stringifyJson(toJsonValue({ ...suggested, maxBadShare: 0.1 }), 2);
const suite = parseSuite(text);
const report = await runSuite(suite, [{ flight: null, origin: "ZRH", delay: 3 }], {
  name: "tomorrow's flights",
});
assert.equal(report.accepted, false);
console.log(checkText(report));
await writeFile("flights.html", checkHtml(report));

await flights.suite.set(suite);
assert.equal((await flights.suite.check()).accepted, true);
await assert.rejects(flights.append([{ flight: null, origin: "ZRH", delay: 3 }]), (error) =>
  isVarveError(error, "BATCH_REJECTED"),
);
