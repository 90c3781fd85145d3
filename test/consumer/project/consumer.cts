import varve = require("varve");

import { check, suite } from "varve/suite";

export async function use(): Promise<void> {
  const table = await varve.createTable("memory://consumer/t", { source: [{ id: 1 }, { id: -1 }] });
  await table.suite.set(suite("positive", [check.positive("id", { id: "positive" })]));
  const report = await table.suite.check();
  process.stdout.write(`${await table.count()} rows, ${report.accepted ? "accepted" : "rejected"}`);
  await table.close();
}
