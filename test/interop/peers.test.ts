import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseSchema } from "../../src/schema/schema-json.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../src/util/json.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows } from "./varve.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures");

console.log(
  "DuckDB's delta extension is not compared: it is not part of the DuckDB package, and is only to be had by a download at run time.",
);

describe("peers answer in the encoding that the fixtures use", () => {
  for (const name of [
    "forty-columns",
    "partition-types",
    "deletion-vectors-inline",
    "type-widening-nested",
  ]) {
    test(`Spark reads ${name} as expected`, async () => {
      const expected = expectation(name);
      const table = join(FIXTURES, "tables", name);
      const found = await sharedPeers().read("spark", table);
      const schema = latestSchema(table);
      expect(canonicalRows(found.rows, schema)).toEqual(canonicalRows(expected, schema));
    });
  }

  for (const name of ["partition-types", "mapping-nested-id", "deletion-vectors", "checkpoint-v2-json"]) {
    test(`deltalake reads ${name} as Spark does`, async () => {
      const table = join(FIXTURES, "tables", name);
      const found = await sharedPeers().read("deltalake", table);
      const schema = latestSchema(table);
      expect(canonicalRows(found.rows, schema)).toEqual(canonicalRows(expectation(name), schema));
    });
  }
});

function expectation(name: string): JsonObject[] {
  const entry = parseJson(readFileSync(join(FIXTURES, "expected", `${name}.json`), "utf8"));
  const rows = isJsonObject(entry) ? entry["rowData"] : undefined;
  if (!Array.isArray(rows)) throw new TypeError(`${name}.json holds no rows`);
  return rows.filter(isJsonObject);
}

/**
 * The schema of the newest metadata in the table's JSON commits or, where those were cut off, in its version
 * checksum.
 */
function latestSchema(table: string): ReturnType<typeof parseSchema> {
  const log = join(table, "_delta_log");
  const files = readdirSync(log).sort().reverse();
  for (const file of files.filter((file) => /^\d+\.(json|crc)$/.test(file))) {
    for (const line of readFileSync(join(log, file), "utf8").trim().split("\n").reverse()) {
      const action = parseJson(line);
      const metadata = isJsonObject(action) ? (action["metaData"] ?? action["metadata"]) : undefined;
      const schema = isJsonObject(metadata) ? metadata["schemaString"] : undefined;
      if (typeof schema === "string") return parseSchema(schema);
    }
  }
  throw new TypeError(`${log} holds no metadata`);
}
