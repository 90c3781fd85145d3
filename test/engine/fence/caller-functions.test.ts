import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, FencedSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";

const columns: readonly EngineColumn[] = [
  { name: "id", type: "BIGINT" },
  { name: "stamp", type: "TIMESTAMP" },
  { name: "name", type: "VARCHAR" },
];

let session: FencedSession;

beforeAll(async () => {
  session = await (await openSession({ threads: 1 })).fence({ files: [] });
});
afterAll(() => session.close());

describe("an expression that may answer differently each time", () => {
  it("is refused with the function, the reason and what to do", async () => {
    await expect(session.callerExpression('"Random"() > 0.5', columns)).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: "random" },
      message: expect.stringMatching(/random\(\).*may answer differently each time.*Use /s),
    });
    await expect(session.callerExpression("id > 0 AND current_date > stamp", columns)).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: "current_date" },
      message: expect.stringMatching(/current_date.*Use /s),
    });
    await expect(
      session.callerExpression("current_setting('threads') = name", columns),
    ).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: "current_setting" },
      message: expect.stringMatching(/current_setting\(\).*Use /s),
    });
  });

  it.each([
    ["variant_bytes_to_variant", "variant_bytes_to_variant(name::BLOB) IS NULL"],
    ["json_structure", "json_structure(name) IS NULL"],
    ["json_contains", "json_contains(name, '1')"],
    ["json_merge_patch", "json_merge_patch(name, name) IS NULL"],
  ])("is refused if it ends the process at deeply nested values: %s", async (name, text) => {
    const refused = { code: "SQL_REFUSED", data: { function: name } };
    await expect(session.callerExpression(text, columns)).rejects.toMatchObject(refused);
  });

  it.each([
    "name::JSON::VARIANT IS NULL",
    "TRY_CAST([CAST(name AS JSON)] AS VARIANT[]) IS NULL",
    "(name -> '$')::VARIANT IS NULL",
    "{a: '[]'::JSON}::VARIANT IS NULL",
    "cast_to_type(to_json(name), NULL::VARIANT) IS NULL",
  ])("is refused where it casts JSON to VARIANT, which ends the process if deep: %s", async (text) => {
    const refused = { code: "SQL_REFUSED", message: expect.stringContaining("Leave them JSON") };
    await expect(session.callerExpression(text, columns)).rejects.toMatchObject(refused);
  });

  it.each([
    "name::VARIANT IS NULL",
    "name::VARIANT::VARCHAR = 'VARIANT'",
    "{a: [1, -2]}::VARIANT::JSON = name::JSON",
  ])("%s is taken: a cast of what is not JSON to VARIANT", async (text) => {
    await expect(session.callerExpression(text, columns)).resolves.toContain(text);
  });

  it.each([
    ["age(stamp, stamp) IS NULL", "the arity that does not look at the clock"],
    ["date_trunc('day', stamp) AT TIME ZONE 'America/New_York' IS NULL", "a time zone by name"],
    [
      `from_json(name, '{"a":"TIMESTAMP"}').a AT TIME ZONE 'Europe/Berlin' IS NULL`,
      "a time zone of a value in JSON",
    ],
    [
      "id < 1e999 AND id > -1e999 AND id <> 12345678901234567890123",
      "numbers that no double or integer holds",
    ],
    ["list_aggregate([id], 'sum') > 0 AND list_sum([id]) > 0", "an aggregate of a list"],
    ["len(list_filter([1, 2], lambda x: x > id)) > 0", "a lambda"],
    ["len(list_transform([1, 2], lambda x, i: x + i + id)) > 0", "a lambda of two parameters"],
    [
      "'epoch'::TIMESTAMP < stamp OR TRY_CAST(name AS TIMESTAMP) IS NULL",
      "casts of texts, which know no current time",
    ],
    ["name -> '$.a' ->> 'b' IS NULL", "an arrow into JSON"],
    ["name LIKE '%random()%' OR name = 'now()' -- current_date", "texts and comments with such names"],
    ["split_part(name, ',', 1) = array_to_string([name], ',')", "macros of consistent functions"],
    ["id BETWEEN 1 AND 2 OR id IN (1, 2) OR NOT (id IS DISTINCT FROM 3)", "operators"],
    ["(name COLLATE NOCASE) = 'a' AND name SIMILAR TO 'x+' AND name ILIKE 'b'", "matching of texts"],
  ])("%s is taken: %s", async (text) => {
    await expect(session.callerExpression(text, columns)).resolves.toContain(text);
  });

  it("a column may have the name of a function or of a word", async () => {
    const named = ["random", "current_date", "USER", "now", "localtime"].map((name) => ({
      name,
      type: "INTEGER",
    }));
    for (const text of ["random > 0.5", "current_date > 0", "user = 1", '"now" = 2', "abs(localtime) = 1"]) {
      await expect(session.callerExpression(text, named)).resolves.toContain(text);
    }
    await expect(session.callerExpression("random() > random", named)).rejects.toMatchObject({
      code: "SQL_REFUSED",
    });
  });

  it("a parameter of a lambda does not lend its name to the rest of the text", async () => {
    for (const text of [
      "list_filter([1], lambda current_date: true) = [1] AND current_date > stamp",
      "list_transform([1], lambda current_date: current_date) = [1]",
      "(current_date -> '$.x') IS NULL",
    ])
      await expect(session.callerExpression(text, columns)).rejects.toMatchObject({
        code: "SQL_REFUSED",
        data: { function: "current_date" },
      });
  });

  it.each([
    ["ago(INTERVAL 1 DAY) > stamp", "ago"],
    ["age(stamp) IS NULL", "age"],
    ["stamp.age() IS NULL", "age"],
    ["vector_type(id) = 'x'", "vector_type"],
    ["list_aggregate([id], 'reservoir_quantile', 0.5) > 0", "list_aggregate"],
    ["timezone('Europe/Berlin', '12:00:00+00'::TIMETZ) IS NULL", "timezone"],
    [`timezone('Europe/Berlin', from_json('"12:00:00+00"', '"TIMETZ"')) IS NULL`, "timezone"],
    [`timezone('Europe/Berlin', from_json('"12:00:00+00"', '"time   tz"')) IS NULL`, "timezone"],
    [`timezone('Europe/Berlin', from_json('"12:00:00+00"', '"TIME  WITH TIME ZONE"')) IS NULL`, "timezone"],
    [`timezone('Europe/Berlin', json_transform('{}', '{"a":"T\\u0049METZ"}').a) IS NULL`, "timezone"],
    [`timezone('Europe/Berlin', from_json('"12:00:00+00"', '"TIM' || 'ETZ"')) IS NULL`, "timezone"],
    [`timezone('Europe/Berlin', name.from_json('"TIMETZ"')) IS NULL`, "timezone"],
  ])("%s is refused: the answer hangs on the arguments", async (text, name) => {
    await expect(session.callerExpression(text, columns)).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: name },
    });
  });

  it("a time of day with an offset in a column makes every time zone one of today", async () => {
    const text = "timezone('Europe/Berlin', t) IS NULL";
    const timed = [{ name: "t", type: "TIME WITH TIME ZONE" }];
    await expect(session.callerExpression(text, timed)).rejects.toMatchObject({ code: "SQL_REFUSED" });
    await expect(session.callerExpression(text, [{ name: "t", type: "TIMESTAMP" }])).resolves.toContain(text);
  });

  it.each([
    ["list_aggregate([id])", "list_aggregate"],
    ["list_aggregate([id], name)", "list_aggregate"],
    ["name.list_aggregate(name)", "list_aggregate"],
    ["array_aggr([id], 'getenv')", "array_aggr"],
  ])("%s names no aggregate", async (text, name) => {
    await expect(session.callerExpression(text, columns)).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { function: name, reason: `it calls ${name}() without an aggregate's name in quotes` },
    });
  });

  it("no name but a column's is taken, even where the engine knows it", async () => {
    for (const text of ["unnamed_subquery IS NULL", "unnamed_subquery.id > 1"])
      await expect(session.callerExpression(text, columns)).rejects.toMatchObject({
        code: "SQL_REFUSED",
        data: { function: "unnamed_subquery" },
      });
  });

  it("an unknown function is a mistake of the text, with its place", async () => {
    await expect(session.callerExpression("id > 0 AND\n rondom() > 1", columns)).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("rondom"),
      data: { line: 2, column: 2 },
    });
  });
});
