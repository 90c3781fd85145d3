import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, schema } from "../../src/index.ts";
import { sql } from "../../src/sql/sql.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";

/** Fails long after the first rows have been handed out. */
const failing =
  "SELECT CASE WHEN range > 300000 THEN error('broken') ELSE range END AS a FROM range(1000000)";
let session: Session;

beforeAll(async () => {
  session = await openSession();
});

afterAll(() => session.close());

async function consume(stream: AsyncIterable<unknown>): Promise<number> {
  let items = 0;
  for await (const _ of stream) items++;
  return items;
}

describe("a query that fails after it has given rows", () => {
  it("as row objects says so, and is not taken for complete", async () => {
    await expect(consume(session.rowStream(unchecked(failing)))).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("broken"),
    });
  });

  it("as Arrow says so, and is not taken for complete", async () => {
    await expect(consume(session.arrow(unchecked(failing)))).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("broken"),
    });
  });

  it("as JSON lines says so, and is not taken for complete", async () => {
    await expect(consume(session.jsonLines(unchecked(failing)))).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("broken"),
    });
  });

  it("as chunks of numbers says so, and is not taken for complete", async () => {
    await expect(consume(session.numberChunks(unchecked(failing)))).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringContaining("broken"),
    });
  });

  it("as chunks of numbers whose signal aborts is cancelled", async () => {
    const controller = new AbortController();
    const query = sql`SELECT CAST(a.range AS DOUBLE) AS a FROM range(100000) a, range(100000) b`;
    const count = async () => {
      for await (const { rows } of session.numberChunks(query, { signal: controller.signal }))
        if (rows > 0) controller.abort();
    };
    await expect(count()).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("because its signal aborts is cancelled", async () => {
    const controller = new AbortController();
    const rows = session.rowStream(sql`SELECT a.range AS a FROM range(100000) a, range(100000) b`, {
      signal: controller.signal,
    });
    let seen = 0;
    const count = async () => {
      for await (const _ of rows) if (++seen === 10_000) controller.abort();
    };
    await expect(count()).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

it("rows of a table whose second file is damaged in its middle end with the file's name", async () => {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").string("text") });
  for (let part = 0; part < 2; part++) {
    await table.append(
      Array.from({ length: 300_000 }, (_, id) => ({
        id: part * 300_000 + id,
        text: `row ${(id * 7919) % 1_000_003}`,
      })),
    );
  }
  for (const file of dataFiles(folder)) {
    const name = join(folder, file);
    const handle = openSync(name, "r+");
    writeSync(handle, Buffer.alloc(65_536, 0xa5), 0, 65_536, Math.floor(statSync(name).size * 0.8));
    closeSync(handle);
  }
  await expect(consume(table.snapshot().rows())).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
  await table.close();
});
