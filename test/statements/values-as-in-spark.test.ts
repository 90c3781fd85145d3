import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { parseSchema } from "../../src/schema/schema-json.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

async function filled(): Promise<Table> {
  const table = await createTable(join(freshFolder(), "t"), {
    schema: schema().integer("id").string("v").boolean("b").date("d").build(),
  });
  await table.sql(
    "INSERT INTO t VALUES (1, 'a', true, DATE'2024-01-01'), (2, 'b1', false, DATE'9998-12-31'), (3, NULL, NULL, NULL)",
    {},
  );
  return table;
}

async function codeOf(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    if (!isVarveError(error)) throw error;
    return error.code;
  }
}

describe("numbers with the suffix F", () => {
  it("are the floats nearest to them", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("id").float("f").double("d").build(),
    });
    await table.sql(
      "INSERT INTO t VALUES (1, 0.1F, 0.1F), (2, -16777217F, 1e-45F), (3, 3.4028235e38F, 1.5F)",
      {},
    );
    await table.sql("UPDATE t SET f = 0.7F, d = 0.7F WHERE f = 0.1F", {});
    const [seven, tiny] = [Math.fround(0.7), Math.fround(1e-45)];
    expect(await rowsOf(table)).toEqual([
      { id: 1, f: seven, d: seven },
      { id: 2, f: -16777216, d: tiny },
      { id: 3, f: Math.fround(3.4028235e38), d: 1.5 },
    ]);
  });

  it("are refused where rounding by way of a double could miss the nearest", async () => {
    await using table = await filled();
    const statement = "INSERT INTO t (id) VALUES (16777217.0000000001F)";
    expect(await codeOf(table.sql(statement, {}))).toBe("UNSUPPORTED_FEATURE");
    expect((await rowsOf(table)).length).toBe(3);
  });
});

describe("text without a value", () => {
  it.each([
    "INSERT INTO t (id, d) SELECT 4, v FROM t WHERE v IS NULL",
    "UPDATE t SET d = v WHERE v IS NULL",
    "MERGE INTO t USING (SELECT id, v FROM t WHERE v IS NULL) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET d = s.v",
    "UPDATE t SET d = to_date(v), b = v WHERE v IS NULL",
  ])("is a column without one: %s", async (statement) => {
    await using table = await filled();
    await table.sql(statement, {});
    expect((await rowsOf(table)).filter(({ v, d }) => v === null && d === null).length).toBeGreaterThan(0);
  });
});

describe("values with a map in them", () => {
  it.each([
    "DELETE FROM t WHERE m = map('a', 1)",
    "DELETE FROM t WHERE m <=> m OR id = 1",
    "DELETE FROM t WHERE array(m) IN (array(m))",
    "UPDATE t SET id = 2 WHERE s > s",
    "UPDATE t SET b = (s = s)",
    "MERGE INTO t USING (SELECT * FROM t) u ON t.m = u.m WHEN MATCHED THEN DELETE",
    "MERGE INTO t USING (SELECT * FROM t) u ON t.id = u.id WHEN MATCHED AND t.s <> u.s THEN DELETE",
  ])("are not compared, as in Spark, and nothing is changed: %s", async (statement) => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema()
        .integer("id")
        .boolean("b")
        .map("m", "string", "integer")
        .struct("s", schema().map("m", "string", "integer")),
    });
    await table.sql("INSERT INTO t VALUES (1, false, map('a', 1), named_struct('m', map('a', 1)))", {});
    expect(await codeOf(table.sql(statement, {}))).toBe("SQL_FAILED");
    expect(table.snapshot().version).toBe(1);
  });
});

describe("expressions of DELETE and UPDATE", () => {
  it.each(["b = 1", "d = 5", "d > true", "id = 1 AND v", "id = 1 OR id", "b IN (1, 2)"])(
    "%s compares types that Spark does not compare, and nothing is changed",
    async (where) => {
      await using table = await filled();
      expect(await codeOf(table.sql(`DELETE FROM t WHERE ${where}`, {}))).toBe("SQL_FAILED");
      expect((await rowsOf(table)).length).toBe(3);
    },
  );

  it.each([
    ["v RLIKE '^[a-z]$'", [2, 3]],
    ["v LIKE ANY ('a%', '%1')", [3]],
    ["split(concat(v, ',z'), ',')[0] = 'a'", [2, 3]],
    ["concat(v, 'x') IS NULL", [1, 2]],
    ["regexp_replace(v, '[0-9]', '') = 'b'", [1, 3]],
    ["id = ' 2 '", [1, 3]],
    ["d + 1 = '2024-01-02T10:00:00'", [2, 3]],
    ["try_cast(v AS INT) IS NULL", []],
    ["lpad(id, 3, '0') = '002'", [1, 3]],
    ["id / 2.0 = 1", [1, 3]],
  ])("%s is true for the rows of Spark", async (where, left) => {
    await using table = await filled();
    await table.sql(`DELETE FROM t WHERE ${where}`, {});
    expect((await rowsOf(table)).map(({ id }) => id)).toEqual(left);
  });

  it("become text of arrays, maps, structs and floats as Spark writes it", async () => {
    await using table = await filled();
    await table.sql(
      "UPDATE t SET v = array(1, NULL) WHERE id = 1; UPDATE t SET v = map('k', 1.5F) WHERE id = 2; UPDATE t SET v = struct(id AS a, 1e-4D) WHERE id = 3",
      {},
    );
    expect((await rowsOf(table)).map(({ v }) => v)).toEqual(["[1, null]", "{k -> 1.5}", "{3, 1.0E-4}"]);
  });

  it.each([
    ["'5' + 1", "6"],
    ["id - '2'", "-1"],
    ["id * '1.5'", "SCHEMA_MISMATCH"],
    ["'1.5' * 2.0", "3.0"],
    ["'7' / 2", "3.5"],
    ["'7' % id", "0"],
    ["NULL + 1", null],
    ["id + NULL", null],
    ["NULL / 2", null],
  ])("%s is computed among numbers", async (value, expected) => {
    await using table = await filled();
    const run = table.sql(`UPDATE t SET v = ${value} WHERE id = 1`, {});
    if (expected === "SCHEMA_MISMATCH") expect(await codeOf(run)).toBe(expected);
    else {
      await run;
      expect((await rowsOf(table))[0]?.["v"]).toBe(expected);
    }
    expect(
      await codeOf(table.sql(`INSERT INTO t VALUES (4, ${value.replace("id", "1")}, true, NULL)`, {})),
    ).toBe(expected === "SCHEMA_MISMATCH" ? expected : undefined);
  });

  it("are refused where the engine would compute them otherwise than Spark", async () => {
    await using table = await filled();
    const refused = [
      "soundex(v) || concat(v, 'x') = 'a'",
      "string_split_regex(v, 'x')[1] = 'a'",
      "id < 16777217.0000000001F",
    ];
    for (const where of refused)
      expect(await codeOf(table.sql(`DELETE FROM t WHERE ${where}`, {}))).toBe("UNSUPPORTED_FEATURE");
    expect(await codeOf(table.sql("UPDATE t SET v = hash(v)", {}))).toBe("UNSUPPORTED_FEATURE");
    const replaced = "INSERT INTO t REPLACE WHERE concat(v, 'x') = 'x' SELECT * FROM t WHERE v IS NULL";
    expect(await codeOf(table.sql(replaced, {}))).toBe("UNSUPPORTED_FEATURE");
  });

  it("take no version of the table to change", async () => {
    await using table = await filled();
    expect(await codeOf(table.sql("DELETE FROM t VERSION AS OF 0 WHERE id = 1", {}))).toBe("SQL_FAILED");
    expect(await codeOf(table.sql("UPDATE t VERSION AS OF 0 SET id = 1", {}))).toBe("SQL_FAILED");
  });

  it("compare CHAR columns padded with spaces, as Spark reads them", async () => {
    const text = JSON.stringify({
      type: "struct",
      fields: [
        { name: "id", type: "integer", nullable: true, metadata: {} },
        { name: "c", type: "string", nullable: true, metadata: { __CHAR_VARCHAR_TYPE_STRING: "char(3)" } },
      ],
    });
    const charSchema = parseSchema(text);
    await using table = await createTable(join(freshFolder(), "t"), { schema: charSchema });
    await table.sql("INSERT INTO t VALUES (1, 'a'), (2, 'ab'), (3, 'abc')", {});
    await table.sql("DELETE FROM t WHERE c = 'a  '", {});
    await table.sql("DELETE FROM t WHERE c IN ('ab ', 'x')", {});
    expect((await rowsOf(table)).map(({ id }) => id)).toEqual([3]);
    await table.sql("UPDATE t SET id = length(c) WHERE c > 'ab'", {});
    expect((await rowsOf(table)).map(({ id }) => id)).toEqual([3]);
  });
});

describe("VALUES of an INSERT", () => {
  it("may be DEFAULT alone", async () => {
    await using table = await filled();
    await table.sql(
      "INSERT INTO t VALUES (DEFAULT, DEFAULT, DEFAULT, DEFAULT), (DEFAULT, DEFAULT, DEFAULT, DEFAULT)",
      {},
    );
    await table.sql("INSERT INTO t (v) VALUES (DEFAULT)", {});
    const empty = (await rowsOf(table)).filter(({ id, v, b, d }) =>
      [id, v, b, d].every((value) => value === null),
    );
    expect(empty.length).toBe(3);
  });

  it("may not leave out a struct with a field that is not null", async () => {
    const text = JSON.stringify({
      type: "struct",
      fields: [
        { name: "id", type: "integer", nullable: true, metadata: {} },
        {
          name: "s",
          type: { type: "struct", fields: [{ name: "a", type: "integer", nullable: false, metadata: {} }] },
          nullable: true,
          metadata: {},
        },
      ],
    });
    await using table = await createTable(join(freshFolder(), "t"), { schema: parseSchema(text) });
    const given = await codeOf(table.sql("INSERT INTO t VALUES (1, NULL)", {}));
    expect(given).toBeDefined();
    expect(await codeOf(table.sql("INSERT INTO t (id) VALUES (1)", {}))).toBe(given);
    expect(await codeOf(table.sql("INSERT INTO t (id) SELECT 1 AS id", {}))).toBe(given);
    await table.sql("INSERT INTO t (s) VALUES (named_struct('a', 1))", {});
    expect(await rowsOf(table)).toEqual([{ id: null, s: { a: 1 } }]);
  });

  it("have the names col1, col2, … where columns are matched by name", async () => {
    await using table = await filled();
    expect(await codeOf(table.sql("INSERT INTO t BY NAME VALUES (4, 'x', true, NULL)", {}))).toBe(
      "COLUMN_NOT_FOUND",
    );
    await using named = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("col2").string("col1").build(),
    });
    await named.sql("INSERT INTO t BY NAME VALUES ('x', 4)", {});
    expect(await rowsOf(named)).toMatchObject([{ col1: "x", col2: 4 }]);
  });
});
