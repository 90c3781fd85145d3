import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isJsonObject, type JsonObject, parseJson } from "../../src/util/json.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures");

/** What test/fixtures/README.md promises of a table, as far as the tests here use it. */
export interface Fixture {
  readonly name: string;
  /** Folder of the table itself: never write into it. */
  readonly table: string;
  readonly expected: JsonObject;
  /** Rows of the latest version; absent where the table must be refused or is only counted. */
  readonly rows: readonly JsonObject[] | undefined;
}

/** Every table that another engine wrote, by name. */
export function fixtures(): Fixture[] {
  return readdirSync(join(FIXTURES, "tables"))
    .sort()
    .map((name) => fixture(name));
}

/** One of them. */
export function fixture(name: string): Fixture {
  const expected = parseJson(readFileSync(join(FIXTURES, "expected", `${name}.json`), "utf8"));
  if (!isJsonObject(expected)) throw new TypeError(`${name}.json is no object`);
  const rows = expected["rowData"];
  return {
    name,
    table: join(FIXTURES, "tables", name),
    expected,
    rows: Array.isArray(rows) ? rows.filter(isJsonObject) : undefined,
  };
}

/** A folder for one test file, removed by the function beside it. */
export function scratchFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "varve-interop-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A copy of a fixture that a test may change. */
export function copyFixture({ name, table }: Fixture, folder: string, suffix = ""): string {
  const copy = join(folder, name + suffix);
  cpSync(table, copy, { recursive: true });
  return copy;
}
