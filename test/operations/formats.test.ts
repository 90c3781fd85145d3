import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import { quarantineSchema } from "../../src/quarantine/intake/quarantine-table.ts";
import { rejectionsOf } from "../../src/rejections/rejections-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { typeText } from "../../src/schema/type-names.ts";
import { actionsOf, freshFolder } from "./table-folder.ts";

const text = readFileSync(new URL("../../spec/formats.md", import.meta.url), "utf8");
const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(
  (match) => JSON.parse(match[1] ?? "") as JsonSchema,
);

interface JsonSchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly type?: string;
  readonly enum?: readonly unknown[];
}

/**
 * What is wrong with a value by the parts of JSON Schema that spec/formats.md uses; properties that it does
 * not name are wrong too.
 */
function problems(value: unknown, by: JsonSchema, at = "gate"): string[] {
  if (by.enum !== undefined && !by.enum.includes(value)) return [`${at} is ${String(value)}`];
  const kind = Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  if (by.type !== undefined && by.type !== kind) return [`${at} is ${kind}, not ${by.type}`];
  if (Array.isArray(value))
    return by.items === undefined
      ? []
      : value.flatMap((item, index) => problems(item, by.items ?? {}, `${at}[${index}]`));
  if (typeof value !== "object" || value === null || by.properties === undefined) return [];
  const missing = (by.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${at}.${name} is missing`);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const rule = by.properties?.[name];
    return rule === undefined
      ? [`${at}.${name} is not in the specification`]
      : problems(member, rule, `${at}.${name}`);
  });
  return [...missing, ...members];
}

describe("spec/formats.md", () => {
  it("says what commitInfo holds of a gate", async () => {
    const [rule = {}, example] = blocks;
    expect(problems(example, rule)).toEqual([]);
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id").integer("delay") });
    const gate: SuiteJson = {
      name: "flights",
      checks: [
        {
          kind: "expect_column_values_to_be_between",
          params: { column: "delay", min_value: -60, max_value: 2000 },
          onFail: "quarantine",
        },
        { kind: "expect_column_values_to_not_be_null", params: { column: "id" }, onFail: "drop" },
        { kind: "expect_table_row_count_to_be_between", params: { min_value: 10 }, onFail: "warn" },
        { kind: "expect_column_values_to_not_be_null", params: { column: "delay" }, onFail: "tag" },
      ],
    };
    await table.append(
      [
        { id: 1, delay: 5 },
        { id: 2, delay: -1116 },
        { id: null, delay: 1 },
        { id: 4, delay: null },
      ],
      { gate, batchId: "b", mergeSchema: true },
    );
    expect(problems(actionsOf(folder, 1, "commitInfo")[0]?.["gate"], rule)).toEqual([]);
  });

  it("lists the columns of a quarantine", () => {
    const written = quarantineSchema(schema().long("id").build()).fields.map((field) =>
      field.name === "values"
        ? "values struct of the table's columns"
        : `${field.name} ${typeText(field.type)}`,
    );
    expect(listedColumns("## Quarantine")).toEqual(written);
  });

  it("lists the columns of the record of rejections", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const { columns } = rejectionsOf(table.snapshot().log.context);
    const written = columns.fields.map(
      ({ name, type, nullable }) => `${name} ${typeText(type)}${nullable ? "" : ", not null"}`,
    );
    expect(listedColumns("## Rejections")).toEqual(written);
  });
});

/** Names and types of the columns in the table of a section. */
function listedColumns(section: string): string[] {
  const [, own = ""] = text.split(`\n${section}\n`);
  const lines = (own.split("\n## ")[0] ?? "").matchAll(/^\| (\w+(?:, \w+)*) \| ([^|]+) \|/gm);
  return [...lines]
    .filter(([, names]) => names !== "column")
    .flatMap(([, names = "", type]) => names.split(", ").map((name) => `${name} ${type}`));
}
