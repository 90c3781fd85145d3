import { expect, it } from "vitest";
import { shownColumns, shownValue } from "../../src/engine/core/shown-value.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";

it("moments are shown in ISO 8601, and what holds moments as the engine prints it", async () => {
  await using session = await openSession({ threads: 1 });
  const shown = async (value: ReturnType<typeof sql>) => {
    const [row] = await session.rows(sql`SELECT ${shownColumns(value)}`);
    return shownValue(row);
  };
  expect(await shown(sql`TIMESTAMPTZ '2024-01-31 10:00:00Z'`)).toBe("2024-01-31T10:00:00Z");
  expect(await shown(sql`[TIMESTAMP 'infinity', NULL]`)).toBe("[infinity, NULL]");
  expect(await shown(sql`[TIMESTAMPTZ '2024-01-31 10:00:00Z']`)).toBe("['2024-01-31 10:00:00+00']");
});
