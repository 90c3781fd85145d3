import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { profile, suggest } from "../../src/api/profile.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import type { Source } from "../../src/api/shared/table-options.ts";
import { VarveError } from "../../src/errors.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../src/util/world.ts";
import { dataFiles, freshFolder, rowsOf } from "../operations/table-folder.ts";
import { ownTemporaryFolder, positiveIds } from "../support/own-temporary-folder.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const temporary = ownTemporaryFolder();
const world = { ...realWorld, sleep: async () => undefined };

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server.close());

async function put(key: string, body: string | Uint8Array): Promise<string> {
  const { s3Store } = await import("../../src/storage/s3/s3-store.ts");
  const store = await s3Store("bucket", "", server.options);
  await store.put(key, Buffer.from(body));
  server.log.splice(0);
  return `s3://bucket/${key}`;
}

async function stored(source: Source): Promise<Readonly<Record<string, unknown>>[]> {
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, { source, world, s3: server.options });
  return await rowsOf(table);
}

/** The error of a source; afterwards no copy and no descriptor of it is left. */
async function refusal(source: Source): Promise<VarveError> {
  const before = readdirSync("/proc/self/fd").length;
  const error: unknown = await stored(source).then(
    (rows) => new Error(`stored ${rows.length} rows`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VarveError)) throw error;
  expect(leftSources()).toEqual([]);
  // A connection to the server is kept.
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2);
  return error;
}

function leftSources(): readonly string[] {
  return readdirSync(temporary(), { recursive: true, encoding: "utf8" }).filter((name) =>
    /source-/.test(name),
  );
}

const rows = [{ id: 1n }, { id: 2n }];
const csv = "id\n1\n2\n";

describe("a source file on S3", () => {
  it("is read in every format, with the options of the table", async () => {
    const folder = join(freshFolder(), "made");
    await (await createTable(folder, { source: rows })).close();
    const parquet = readFileSync(join(folder, dataFiles(folder)[0] ?? ""));
    const arrow = tableToIPC(tableFromArrays({ id: BigInt64Array.from([1n, 2n]) }), "file");
    expect(await stored({ csv: await put("in/a.csv", csv) })).toEqual(rows);
    expect(await stored({ csv: await put("in/a.csv.gz", gzipSync(csv)) })).toEqual(rows);
    expect(await stored({ ndjson: await put("a.ndjson", '{"id":1}\n{"id":2}\n') })).toEqual(rows);
    expect(await stored({ parquet: await put("a.parquet", parquet) })).toEqual(rows);
    expect(await stored({ arrow: await put("a.arrow", arrow) })).toEqual(rows);
    const files = { f: await put("in/b.csv", csv) };
    expect(await stored({ sql: "SELECT id FROM f", files })).toEqual(rows);
    expect(leftSources()).toEqual([]);
  });

  it("is read into a table on S3, and tested, profiled and made suggestions for, with options", async () => {
    const source = { csv: (await put("a.csv", "id\n1\n-2\n")).replace("s3:", "s3a:") };
    const s3 = server.options;
    await using table = await createTable("s3://bucket/t", { source, s3 });
    expect(await table.count()).toBe(2);
    const report = await runSuite(positiveIds, source, { s3 });
    expect(report.checks[0]?.sample).toMatchObject([{ file: "s3a://bucket/a.csv", row: 1 }]);
    expect(await profile(source, { s3 })).toMatchObject({ rows: 2 });
    expect((await suggest(source, { s3 })).suite.checks.length).toBeGreaterThan(0);
    await table.append(source, { gate: positiveIds });
    expect((await table.quarantine.read())[0]).toMatchObject({ source_file: "s3a://bucket/a.csv" });
  });

  it("has the name that it was given, whatever its characters; a URL is decoded", async () => {
    const key = "in put/a?b#c [1] ü%20.csv";
    const path = await put(key, csv);
    expect(await stored({ csv: path })).toEqual(rows);
    await put("in put/ü%20.csv", csv);
    expect(await stored({ csv: new URL("s3://bucket/in%20put/%C3%BC%2520.csv") })).toEqual(rows);
    await expect(stored({ csv: new URL("s3://bucket/a.csv?versionId=1") })).rejects.toMatchObject({
      code: "INVALID_URI",
    });
  });

  it("is each of those that a pattern matches, in their order", async () => {
    for (const [index, key] of ["in/a.csv", "in/b.csv", "in/c.txt", "in/below/d.csv", "out/e.csv"].entries())
      await put(`many/${key}`, `id\n${index}\n`);
    const ids = async (pattern: string) =>
      (await stored({ csv: `s3://bucket/many/${pattern}` })).map((row) => Number(row["id"]));
    expect(await ids("in/*.csv")).toEqual([0, 1]);
    expect(await ids("**/*.csv")).toEqual([0, 1, 3, 4]);
    expect(await ids("in/[!a].csv")).toEqual([1]);
    expect(await ids("?n/[a-b].csv")).toEqual([0, 1]);
    expect(await ids("in/[z-ab-].csv")).toEqual([1]);
    await put("many/in/\u{1f600}.csv", "id\n5\n");
    expect(await ids("in/?.csv")).toEqual([0, 1, 5]);
    expect(await ids("in/[\u{1f5ff}-\u{1f601}].csv")).toEqual([5]);
    expect(await ids("in[!a]a.csv").catch(({ code }) => code)).toBe("SOURCE_UNREADABLE");
    expect(await refusal({ csv: "s3://bucket/in/*.tsv" })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: "No object matches s3://bucket/in/*.tsv. Check the bucket and the name.",
    });
  });

  it("is copied in parts if it is large", async () => {
    const source = { csv: await put("large.csv", `text\n${`${"x".repeat(999)}\n`.repeat(20_000)}`) };
    const progress: number[] = [];
    await using table = await createTable(join(freshFolder(), "t"), {
      source,
      s3: server.options,
      onProgress: ({ phase, bytes = 0 }) => void (phase === "fetching" && progress.push(bytes)),
    });
    expect(await table.count()).toBe(20_000);
    expect(server.log.filter(({ method }) => method === "GET")).toHaveLength(3);
    expect(progress.at(-1)).toBe(20_000_005);
  });

  it("is read by a caller's own store, if that opens its scheme", async () => {
    const store = memoryStore("elsewhere", "", realWorld);
    await store.put("a.csv", Buffer.from(csv));
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { csv: "gs://elsewhere/a.csv" },
      openStore: (uri) => (uri === "gs://elsewhere" ? store : undefined),
    });
    expect(await rowsOf(table)).toEqual(rows);
  });
});

describe("a source file on S3 that cannot be read", () => {
  it("is refused by its name if it does not exist, or its bucket does not", async () => {
    expect(await refusal({ csv: "s3://bucket/absent.csv" })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: "The object s3://bucket/absent.csv does not exist. Check the bucket and the name.",
      data: { file: "s3://bucket/absent.csv" },
    });
    expect(await refusal({ csv: "s3://nowhere/*.csv" })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(/^Cannot read s3:\/\/nowhere\/\*\.csv: .*Create the bucket/),
    });
  });

  it("is refused with the store's reason, which names no key", async () => {
    const source = { csv: await put("a.csv", csv) };
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" });
    const error = await refusal(source);
    expect(error).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(/^Cannot read s3:\/\/bucket\/a\.csv: .*403.*Check the credentials/),
      data: { file: "s3://bucket/a.csv", status: 403 },
    });
    expect(`${error.message} ${JSON.stringify(error.data)}`).not.toContain("testsecret");
  });

  it("is read after failures that pass, and refused after those that do not", async () => {
    const source = { csv: await put("a.csv", csv) };
    const isGet = ({ method }: { readonly method: string }) => method === "GET";
    server.inject({ kind: "truncate" }, isGet, 2);
    server.inject({ kind: "answer", status: 503, code: "SlowDown" }, isGet, 2);
    server.inject({ kind: "reset-before" }, isGet, 2);
    expect(await stored(source)).toEqual(rows);
    server.inject({ kind: "truncate" }, isGet, 8);
    expect(await refusal(source)).toMatchObject({ code: "SOURCE_UNREADABLE" });
  });

  it("is refused if it is replaced while it is read", async () => {
    const store = memoryStore("replaced", "", realWorld);
    const after = async (change: () => Promise<void>) => {
      await store.put("a.csv", Buffer.from(csv));
      const getRange: typeof store.getRange = async (...request) => {
        const bytes = await store.getRange(...request);
        await change();
        return bytes;
      };
      return createTable(join(freshFolder(), "t"), {
        source: { csv: "gs://replaced/a.csv" },
        openStore: (uri) => (uri.startsWith("gs:") ? { ...store, getRange } : undefined),
      });
    };
    for (const change of [
      () => store.put("a.csv", Buffer.from("id\n3\n4\n")),
      () => store.put("a.csv", Buffer.from("id\n3\n")),
      () => store.delete("a.csv"),
    ])
      await expect(after(change)).rejects.toMatchObject({
        code: "SOURCE_UNREADABLE",
        message:
          "Cannot read gs://replaced/a.csv: it was replaced while it was being read. Retry when it no longer changes.",
      });
    expect(leftSources()).toEqual([]);
  });
});
