import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { createTable } from "../../src/operations/create.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const uri = "s3://bucket/table";
let server: S3Server;

beforeEach(async () => {
  server = await startS3Server();
  const columns = schema().long("id").build();
  const created = await createTable(await openContext(uri, { s3: server.options }), { schema: columns });
  await created.maintenance;
});
afterEach(() => server.close());

describe("requests of an append to an open table on S3", () => {
  it("are one data PUT, one commit PUT and one listing; maintenance adds the checksum's PUT and nothing else", async () => {
    await using table = await openTable(uri, { s3: server.options });
    await table.append([{ id: 0 }]);
    await table.settled();
    for (const id of [1, 2, 3]) {
      server.log.length = 0;
      await table.append([{ id }]);
      await table.settled();
      const asked = server.log.map(({ method, key, query }) => kindOf(method, key, query));
      expect(asked.sort(), `append ${id}`).toEqual(["checksum PUT", "commit PUT", "data PUT", "listing"]);
    }
    expect(await table.snapshot().count()).toBe(4);
  });

  it("stay within the budget beside another writer: each lost version costs one PUT, its reading and one listing more", async () => {
    await using ours = await openTable(uri, { s3: { ...server.options } });
    await using theirs = await openTable(uri, { s3: { ...server.options } });
    await ours.append([{ id: 0 }]);
    await ours.settled();
    await theirs.append([{ id: 1 }]);
    await theirs.settled();
    server.log.length = 0;
    await ours.append([{ id: 2 }]);
    await ours.settled();
    const asked = server.log.map(({ method, key, query }) => kindOf(method, key, query));
    expect(asked.filter((kind) => kind === "commit PUT")).toHaveLength(2);
    expect(
      asked.filter((kind) => kind === "commit GET"),
      "the winner is read once",
    ).toHaveLength(1);
    expect(asked.filter((kind) => kind === "listing")).toHaveLength(2);
    expect(
      asked.filter((kind) => kind === "data PUT"),
      "the data is not written again",
    ).toHaveLength(1);
    expect(await ours.snapshot().count()).toBe(3);
  });
});

function kindOf(method: string, key: string, query: Readonly<Record<string, string>>): string {
  if ("list-type" in query) return "listing";
  const what = key.endsWith(".parquet")
    ? "data"
    : key.endsWith(".crc")
      ? "checksum"
      : /\d{20}\.json$/.test(key)
        ? "commit"
        : key;
  return `${what} ${method}`;
}
