import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../../src/engine/core/contract.ts";
import {
  functionKind,
  isAllowedTableFunction,
  isCalledByName,
  isSteadyAggregate,
} from "../../../src/engine/fence/sql-functions.ts";
import { duckdbEngine } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

/** One function of the catalogue; a name may have several. */
interface Entry {
  readonly name: string;
  readonly type: string;
  /** `CONSISTENT`, or what else the catalogue says; macros and table functions have none. */
  readonly stability: string | null;
  readonly sideEffects: boolean | null;
  readonly parameters: readonly string[];
  readonly definition: string | null;
}

type Tree = { readonly [key: string]: unknown };

let session: Session;
let entries: readonly Entry[];
let byName: ReadonlyMap<string, readonly Entry[]>;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
  const rows =
    await session.rows(sql`SELECT DISTINCT lower(function_name) AS name, function_type AS type, stability, has_side_effects AS "sideEffects",
    CASE WHEN macro_definition IS NULL THEN [] ELSE parameters END AS parameters, macro_definition AS definition
    FROM duckdb_functions() WHERE function_type <> 'pragma' ORDER BY ALL`);
  entries = rows as unknown as readonly Entry[];
  byName = grouped(entries);
});
afterAll(() => session.close());

function grouped(all: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of all) groups.set(entry.name, [...(groups.get(entry.name) ?? []), entry]);
  return groups;
}

const isScalar = ({ type }: Entry): boolean => type === "scalar" || type === "macro";
const names = (some: readonly Entry[]): string[] => [...new Set(some.map(({ name }) => name))].sort();

/** Functions that a macro calls, and names in it that are neither parameters of it nor of a lambda. */
async function usesOf(entry: Entry): Promise<string[]> {
  const [row] = await session.rows(sql`SELECT json_serialize_sql($1::VARCHAR)::VARCHAR AS tree`, [
    `SELECT ${entry.definition}`,
  ]);
  const known = new Set(entry.parameters.map((name) => name.toLowerCase()));
  const found: string[] = [];
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) for (const item of part) visit(item);
    else if (typeof part === "object" && part !== null) {
      const tree = part as Tree;
      if (typeof tree["function_name"] === "string") found.push(tree["function_name"].toLowerCase());
      const [name] = Array.isArray(tree["column_names"])
        ? tree["column_names"].map((one) => String(one).toLowerCase())
        : [];
      if (name !== undefined && !known.has(name)) found.push(name);
      if (tree["type"] === "SELECT_NODE" && (tree["from_table"] as Tree | undefined)?.["type"] !== "EMPTY")
        found.push("a table");
      for (const value of Object.values(tree)) visit(value);
    }
  };
  visit(JSON.parse(String(row?.["tree"])));
  return [...new Set(found)];
}

describe("the functions that a caller's text may call", () => {
  it("are sorted for every function of the engine in use: an engine with others shows them here, refused", async () => {
    const lines = [...byName].map(([name, all]) => {
      const said = [
        ...new Set(all.map(({ type, stability }) => `${type}${stability === null ? "" : ` ${stability}`}`)),
      ].join(", ");
      const may = functionKind(name) ?? "refused";
      return `${name}: ${said}: ${isAllowedTableFunction(name) ? `${may}, table` : may}`;
    });
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("sql-functions.txt");
  });

  it("of a row alone are scalar and consistent by the catalogue, or macros of such", async () => {
    const wrong: string[] = [];
    for (const entry of entries.filter(
      ({ name, type }) => functionKind(name) === "row" && !type.startsWith("table"),
    )) {
      const consistent =
        entry.type === "scalar" && entry.stability === "CONSISTENT" && entry.sideEffects === false;
      const unfit =
        entry.type === "macro" ? (await usesOf(entry)).filter((name) => functionKind(name) !== "row") : [];
      if (entry.type !== "macro" && !consistent)
        wrong.push(`${entry.name} is ${entry.type} ${entry.stability}`);
      if (unfit.length > 0) wrong.push(`${entry.name} uses ${unfit.join(", ")}`);
    }
    expect(wrong).toEqual([]);
  });

  it("of many rows have no side effects, and aggregates that may be named as text are aggregates", () => {
    const many = entries.filter(({ name }) => functionKind(name) === "rows");
    expect(
      names(many.filter(({ type, stability }) => type === "aggregate" && stability !== "CONSISTENT")),
    ).toEqual([]);
    expect(names(many.filter(({ type }) => type === "scalar"))).toEqual([]);
    const steady = entries.filter(({ name }) => isSteadyAggregate(name));
    expect(names(steady.filter(({ type }) => type !== "aggregate" && type !== "table_macro"))).toEqual([]);
  });

  it("of the moment read nothing but the time, chance and the engine's own names", () => {
    const moment = names(entries.filter(({ name }) => functionKind(name) === "moment"));
    expect(moment).toEqual(
      (
        "ago current_catalog current_database current_date current_localtime current_localtimestamp current_role current_schema current_schemas " +
        "current_user error gen_random_uuid get_current_time get_current_timestamp now random session_user today transaction_timestamp " +
        "user uuid uuidv4 uuidv7 vector_type version"
      ).split(" "),
    );
  });

  it("leave out nothing consistent but what reads settings or plans, what fails, the engine's inner functions, and collations, which have syntax", () => {
    const left = entries.filter(
      (entry) =>
        isScalar(entry) && entry.stability === "CONSISTENT" && functionKind(entry.name) === undefined,
    );
    expect(names(left).filter((name) => !/^(__internal_|icu_)/.test(name))).toEqual([
      "current_setting",
      // This one and is_histogram_other_bin end in errors of the engine itself, over a null, and where the
      // argument is the same for all rows.
      "enum_range_boundary",
      "getvariable",
      "is_histogram_other_bin",
      // This one, json_merge_patch, json_structure and variant_bytes_to_variant end the process at values that
      // are nested deep enough.
      "json_contains",
      "json_deserialize_sql",
      "json_merge_patch",
      "json_serialize_plan",
      "json_serialize_sql",
      "json_structure",
      "parse_duckdb_log_message",
      "variant_bytes_to_variant",
    ]);
  });

  it("exist, all but those that the engine's binder knows alone", async () => {
    const { readFileSync } = await import("node:fs");
    const source = readFileSync(
      new URL("../../../src/engine/fence/sql-functions.ts", import.meta.url),
      "utf8",
    );
    const listed = [
      ...source.matchAll(/const of\w+ = [`"]([^`"]*)[`"]|const aggregates = `([^`]*)`/g),
    ].flatMap((match) => (match[1] ?? match[2] ?? "").trim().split(/\s+/));
    expect(listed.length).toBeGreaterThan(600);
    expect(listed.filter((name) => !byName.has(name)).sort()).toEqual(
      ["unlist", "unnest"].filter((name) => !byName.has(name)),
    );
  });
});

describe("names that are calls without parentheses", () => {
  it("are all those of the engine", async () => {
    const keywords = await session.rows(sql`SELECT DISTINCT keyword_name AS name FROM duckdb_keywords()`);
    const candidates = new Set([
      ...byName.keys(),
      ...keywords.map((row) => String(row["name"])),
      "localtime",
      "localtimestamp",
    ]);
    const called: string[] = [];
    for (const name of candidates) {
      const bound = await session.describe(unchecked(`SELECT "${name.replaceAll('"', '""')}"`)).then(
        () => true,
        () => false,
      );
      if (bound) called.push(name);
    }
    expect(called.length).toBeGreaterThan(8);
    expect(called.filter((name) => !isCalledByName(name))).toEqual([]);
  });
});
