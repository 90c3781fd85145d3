import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { suite } from "../../../src/quality/suite/builder.ts";
import { arrayOf, mapOf, type SchemaBuilder, schema } from "../../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

/** Names of the parameters of varve's own lambdas, as the source tree spells them. */
function parameters(): string[] {
  const folder = join(import.meta.dirname, "../../../src");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const literal = texts.flatMap((text) =>
    [...text.matchAll(/lambda(?:\("| )(\w+)[:"]/g)].map(([, name]) => name),
  );
  const numbered = texts.flatMap((text) =>
    [...text.matchAll(/`(\w+)\$\{(?:context\.)?depth\}`/g)].map(([, name]) => `${name}0`),
  );
  return [...new Set([...literal, ...numbered])].flatMap((name) => name ?? []);
}

const names = parameters();

/** The table's schema with a column of each name, whose fields are those that a lambda may ask of its parameter. */
const member = schema()
  .string("column")
  .string("text")
  .string("expected")
  .string("key")
  .long("value")
  .long("x")
  .string("check_id");
const hidden = { column: "no", text: "no", expected: "no", key: "no", value: -9, x: -9, check_id: "no" };
const withNames = (built: SchemaBuilder) => names.reduce((all, name) => all.struct(name, member), built);
const hiding = Object.fromEntries(names.map((name) => [name, hidden]));

describe("a column that is called as a parameter of varve's own SQL", () => {
  it("is of many names", () => {
    expect(names).toEqual(expect.arrayContaining(["c", "e", "item0", "e0", "v0", "varve_0", "varve_v0"]));
  });

  it("stands for no cell that could not be read", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: withNames(schema().long("id").long("n")),
    });
    const file = join(freshFolder(), "rows.ndjson");
    const row = (id: number, n: unknown) => `${JSON.stringify({ id, n, ...hiding })}\n`;
    writeFileSync(file, row(1, 2) + row(2, "bad") + row(3, 4));
    const result = await table.append({ ndjson: file }, { gate: suite("s", [], { onMisfit: "quarantine" }) });
    expect(result).toMatchObject({ rows: 2, quarantine: { rows: 1 } });
    const [aside] = await table.quarantine.read();
    expect(JSON.parse(String(aside?.["payload"]))).toMatchObject({ id: 2, n: "bad" });
    expect(aside?.["errors"]).toMatchObject([{ check_id: "schema:n", observed_value: "bad" }]);
    await table.close();
  });

  it.each(["c", "e", "k"])("may hold text: %s", async (name) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").string(name) });
    const file = join(freshFolder(), "rows.csv");
    writeFileSync(file, `id,${name}\n1,a\nx,b\n`);
    const gate = suite("s", [], { onMisfit: "quarantine" });
    expect(await table.append({ csv: file }, { gate })).toMatchObject({ rows: 1, quarantine: { rows: 1 } });
    await table.close();
  });

  it("stands for no member of a list or map that is written, read or given as JSON", async () => {
    const inner = schema().string("key").long("value").long("x");
    const table = await createTable(join(freshFolder(), "t"), {
      schema: withNames(
        schema()
          .column("list", arrayOf(inner))
          .column("map", mapOf("string", "integer"))
          .column("deep", mapOf("string", inner))
          .column("variant", "variant"),
      ),
      properties: { "delta.columnMapping.mode": "name" },
    });
    const values = {
      list: [{ key: "a", value: 1n, x: 2n }],
      map: new Map([["m", 3]]),
      deep: new Map([["d", { key: "b", value: 4n, x: 5n }]]),
    };
    await table.append([{ ...values, variant: { list: [{ key: 6 }] }, ...hiding }]);
    const snapshot = await table.snapshot();
    const lines: string[] = [];
    for await (const line of (await snapshot.sql("SELECT list, map, deep, variant, * FROM t")).jsonLines())
      lines.push(line);
    expect(JSON.parse(lines.join(""))).toMatchObject({
      list: [{ key: "a", value: 1, x: 2 }],
      map: [["m", 3]],
      deep: [["d", { key: "b", value: 4, x: 5 }]],
    });
    const [read] = await rowsOf(table);
    expect(read?.["list"]).toEqual(values.list);
    expect(read?.["variant"]).toBe('{"list":[{"key":6}]}');
    await table.close();
  });

  it("stands for no member that is read from files of an earlier schema", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: withNames(schema().column("list", arrayOf(schema().string("key")))),
    });
    await table.append([{ list: [{ key: "a" }], ...hiding }]);
    await table.append([{ list: [{ key: "b", value: 1n }], ...hiding }], { mergeSchema: true });
    const lists = (await rowsOf(table)).map((row) => row["list"]);
    expect(lists).toHaveLength(2);
    expect(lists).toEqual(expect.arrayContaining([[{ key: "a", value: null }], [{ key: "b", value: 1n }]]));
    await table.close();
  });

  it("stands for no key or value of a map that is converted on its way in", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: withNames(schema().column("map", mapOf("string", "long"))),
    });
    const members = Object.entries(hidden).map(
      ([name, value]) => `'${name}': ${typeof value === "number" ? value : `'${value}'`}`,
    );
    const others = names.map((name) => `{${members.join(", ")}} AS "${name}"`);
    await table.append({ sql: `SELECT MAP {'m': 3::INTEGER} AS map, ${others.join(", ")}` });
    const [row] = await rowsOf(table);
    expect(row?.["map"]).toEqual([["m", 3n]]);
    await table.close();
  });
});
