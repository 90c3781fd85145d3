import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const ids = async (table: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

describe("pins on S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server({ buckets: ["bucket"] });
  });
  afterAll(() => server.close());

  async function changed(uri: string): Promise<Table> {
    const table = await createTable(uri, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { "delta.enableDeletionVectors": "true" },
      source: [
        { id: 1, p: "x y" },
        { id: 2, p: "x y" },
        { id: 3, p: "ü%" },
      ],
      s3: server.options,
    });
    await table.delete("id = 1");
    return table;
  }

  it("are copied by the server, and outlive a vacuum", async () => {
    await using table = await changed("s3://bucket/a t");
    expect(await table.pins.add("gold", { dryRun: true })).toMatchObject({ filesCopied: 3, filesLinked: 0 });
    const before = server.log.length;
    expect(await table.pins.add("gold")).toMatchObject({ outcome: "pinned", filesCopied: 3, filesLinked: 0 });
    const bodies = server.log.slice(before).filter(({ key }) => /\.(parquet|bin)$/.test(key));
    expect(bodies.every(({ bytesIn, bytesOut }) => bytesIn === 0 && bytesOut < 1000)).toBe(true);
    await table.overwrite([{ id: 9, p: "z" }]);
    await table.vacuum({ retainHours: 0, retentionCheck: false });
    await expect(ids(await table.at(1))).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    await using pinned = await openTable("s3://bucket/a t@gold", { s3: server.options });
    expect(await ids(pinned)).toEqual([2, 3]);
    expect(await table.pins.remove("gold")).toMatchObject({ outcome: "removed", files: 3 });
    const keys = [...(server.buckets.get("bucket")?.objects.keys() ?? [])];
    expect(keys.filter((key) => key.startsWith("a t/_pins/"))).toEqual([]);
  });

  it.each(["files", "reference"] as const)(
    "cost the requests that a dry run says, keep: %s",
    async (keep) => {
      await using table = await changed(`s3://bucket/${keep}`);
      const { costs } = await table.pins.add("p", { keep, dryRun: true });
      expect(costs?.files).toMatchObject({ filesCopied: 3, filesLinked: 0, requests: 9 });
      expect(costs?.reference).toMatchObject({ filesCopied: 0, bytesCopied: 0, requests: 6 });
      const before = server.log.length;
      await table.pins.add("p", { keep });
      const requests = server.log.slice(before).filter(({ key }) => /\.(parquet|bin)$/.test(key));
      expect(requests).toHaveLength(costs?.[keep].requests ?? 0);
      expect(requests.filter(({ method }) => method === "PUT")).toHaveLength(costs?.[keep].filesCopied ?? -1);
      await table.overwrite([{ id: 9, p: "z" }]);
      await table.vacuum({ retainHours: 0, retentionCheck: false });
      await using pinned = await openTable(`s3://bucket/${keep}@p`, { s3: server.options });
      expect(await ids(pinned)).toEqual([2, 3]);
    },
  );

  it("are listed by one request for each, however many files they have, and finished after a crash", async () => {
    await using table = await changed("s3://bucket/b");
    await table.pins.add("one");
    await table.pins.add("two");
    const bucket = server.buckets.get("bucket");
    // what a crash before the commit leaves
    bucket?.delete("b/_pins/two/_delta_log/00000000000000000000.json");
    const before = server.log.length;
    expect((await table.pins.list()).map(({ name }) => name)).toEqual(["one"]);
    const lists = server.log.slice(before).filter(({ key }) => key === "");
    expect(lists.length).toBeLessThanOrEqual(3);
    expect(await table.pins.check()).toMatchObject([
      { name: "one", state: "sound" },
      { name: "two", state: "unfinished" },
    ]);
    expect(await table.pins.add("two")).toMatchObject({ outcome: "pinned", filesCopied: 0 });
    const [file] = [...(bucket?.objects.keys() ?? [])].filter((key) =>
      /^b\/_pins\/two\/.*parquet$/.test(key),
    );
    bucket?.delete(file ?? "");
    expect(await table.pins.check({ name: "two", repair: true })).toMatchObject([{ state: "repaired" }]);
    await using pinned = await openTable("s3://bucket/b@two", { s3: server.options });
    expect(await ids(pinned)).toEqual([2, 3]);
  });
});
