import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../src/util/json.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** One table of a collection and what a correct reader finds in it. */
export interface ConformanceTable {
  readonly name: string;
  readonly folder: string;
  readonly expect: JsonObject;
  /** Expected rows of the latest version, one JSON object each; absent where only counts are given. */
  readonly rows: (() => readonly JsonObject[]) | undefined;
}

/**
 * Folder of the tables that other implementations wrote: `VARVE_CONFORMANCE`, else beside the repository;
 * `undefined` where there is none.
 */
export function conformanceFolder(): string | undefined {
  const folder = process.env["VARVE_CONFORMANCE"] ?? resolve(here, "../../../shared/conformance");
  return existsSync(join(folder, "manifest.json")) ? folder : undefined;
}

/** The tables of {@link conformanceFolder}. */
export function conformanceTables(folder: string): ConformanceTable[] {
  const manifest = parseJson(readFileSync(join(folder, "manifest.json"), "utf8"));
  const entries =
    isJsonObject(manifest) && Array.isArray(manifest["tables"])
      ? (manifest["tables"] as readonly JsonValue[])
      : [];
  return entries.filter(isJsonObject).map((entry) => {
    const name = String(entry["table"]);
    const expect = objectOf(entry["expect"]);
    const file = expect["rowsFile"];
    return {
      name,
      folder: join(folder, "tables", name),
      expect,
      rows: typeof file === "string" ? () => jsonLines(join(folder, file)) : undefined,
    };
  });
}

/** The tables that this repository keeps, which Spark wrote. */
export function fixtureTables(): ConformanceTable[] {
  const folder = resolve(here, "../fixtures");
  return readdirSync(join(folder, "expected"))
    .filter((file) => file.endsWith(".json"))
    .map((file) => {
      const name = file.slice(0, -".json".length);
      const expect = objectOf(parseJson(readFileSync(join(folder, "expected", file), "utf8")));
      const { rowData, rowsFile } = expect;
      const rows = Array.isArray(rowData)
        ? () => (rowData as readonly JsonValue[]).filter(isJsonObject)
        : typeof rowsFile === "string"
          ? () => jsonLines(join(folder, rowsFile))
          : undefined;
      return { name, folder: join(folder, "tables", name), expect, rows };
    });
}

/** The value as an object; empty for anything else. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The value as an array of objects; empty for anything else. */
export function objectsOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : [];
}

function jsonLines(file: string): JsonObject[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => objectOf(parseJson(line)));
}
