import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";

let session: Session;

beforeAll(async () => {
  session = await openSession({ threads: 1 });
});
afterAll(() => session.close());

/** The constants of a text, in its order. */
async function constantsOf(sql: string): Promise<JsonValue[]> {
  const found: JsonValue[] = [];
  const visit = (part: JsonValue | undefined): void => {
    if (Array.isArray(part)) for (const item of part as readonly JsonValue[]) visit(item);
    else if (typeof part === "object" && part !== null) {
      const { class: kind, value, ...rest } = part as JsonObject;
      if (kind === "CONSTANT") found.push((value as JsonObject)["value"] ?? null);
      else for (const each of Object.values(rest)) visit(each);
    }
  };
  visit(await session.syntaxTree(sql));
  return found;
}

describe("a syntax tree", () => {
  it.each([
    ["SELECT 1e999, 2", ["Infinity", 2]],
    ["SELECT [1e999, 1e999]", ["Infinity", "Infinity"]],
    ["SELECT 1234567890123456, 1234567890123457", ["1234567890123456", "1234567890123457"]],
    ["SELECT 9223372036854775807", ["9223372036854775807"]],
  ])("has numbers that no JSON or double holds as text: %s", async (sql, constants) => {
    expect(await constantsOf(sql)).toEqual(constants);
  });

  it.each([
    ["SELECT 123456789012345", [123456789012345]],
    ["SELECT 1.5e300, 0", [1.5e300, 0]],
    ["SELECT 1234567890123456e-15", [1.234567890123456]],
    ["SELECT 123456789012345678e10", [1.2345678901234567e27]],
  ])("has all others as numbers: %s", async (sql, constants) => {
    expect(await constantsOf(sql)).toEqual(constants);
  });

  it.each([
    "Infinity",
    "NaN 1234567890123456",
    'a "Infinity" b',
    '\\" Infinity',
    "\\",
    '"',
    '\\\\"NaN',
    '"x" "NaN" \\"1234567890123456',
  ])("has texts as they stand: %s", async (text) => {
    expect(await constantsOf(`SELECT '${text}', '${text}' AS a, 7`)).toEqual([text, text, 7]);
  });

  it("of a text that is too long to parse is refused", async () => {
    await expect(session.syntaxTree(`SELECT ${"+".repeat(201)}1`)).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { count: 201, limit: 200 },
    });
    expect(await constantsOf(`SELECT ${"+".repeat(200)}1`)).toEqual([1]);
  });
});
