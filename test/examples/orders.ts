import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, createTable, stringifyJson, suite, type Table, toJsonValue } from "varve";

const folder = mkdtempSync(join(tmpdir(), "varve-examples-"));
process.chdir(folder);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const positive = suite("positive", [check.positive("amount", { id: "positive", onFail: "quarantine" })]);
writeFileSync("suite.json", stringifyJson(toJsonValue(positive.json)));

let made = 0;

/** The table that the examples of doc comments call `orders`, with a suite and a row in quarantine. */
export async function freshOrders(): Promise<Table> {
  const table = await createTable(join(folder, `orders-${++made}`), {
    source: [
      { id: 1n, customer: "acme", amount: 12.5 },
      { id: 2n, customer: "zenith", amount: 250 },
    ],
  });
  await table.suite.set(positive);
  const may = [
    { id: 3n, customer: "acme", amount: 40 },
    { id: 4n, customer: "acme", amount: -1 },
  ];
  await table.append(may, { batchId: "may" });
  return table;
}
