import { describe, expect, it } from "vitest";
import { checkTable } from "./check-table.ts";
import { conformanceFolder, conformanceTables, fixtureTables } from "./collection.ts";

const folder = conformanceFolder();
const collection = folder === undefined ? [] : conformanceTables(folder);

describe("tables that other implementations wrote", () => {
  it.runIf(process.env["CI"] === "true")("the collection is there in CI", () => {
    expect(folder, "set VARVE_CONFORMANCE to the folder of the conformance tables").toBeDefined();
  });

  if (folder === undefined) it.skip("the collection is not there: set VARVE_CONFORMANCE to its folder");

  it.each(collection)("$name reads as expected", async (table) => {
    await checkTable(table);
  });
});

describe("tables that Spark wrote for this repository", () => {
  it.each(fixtureTables())("$name reads as Spark reads it", async (table) => {
    await checkTable(table);
  });
});
