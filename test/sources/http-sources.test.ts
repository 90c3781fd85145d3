import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { afterEach, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { profile } from "../../src/api/profile.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import type { Source } from "../../src/api/shared/table-options.ts";
import { VarveError } from "../../src/errors.ts";
import { downloadHttp } from "../../src/sources/http-download.ts";
import { httpConnections } from "../../src/sources/http-request.ts";
import { writingLocalFile } from "../../src/sources/local-file.ts";
import { realWorld } from "../../src/util/world.ts";
import type { WriteProgress } from "../../src/write/plan/write-options.ts";
import { actionsOf, dataFiles, freshFolder, rowsOf } from "../operations/table-folder.ts";
import { failDisk, restoreDisk } from "../support/disk-faults.ts";
import { ownTemporaryFolder, positiveIds } from "../support/own-temporary-folder.ts";
import { selfSigned } from "../support/self-signed.ts";
import { startWebServer, type WebFile } from "../support/web-server.ts";

const temporary = ownTemporaryFolder();
/** Waits for nothing between attempts. */
const world = { ...realWorld, sleep: async () => undefined };

async function stored(source: Source): Promise<Readonly<Record<string, unknown>>[]> {
  await using table = await createTable(join(freshFolder(), "t"), { source, world });
  return await rowsOf(table);
}

/** The error of a source; afterwards nothing of it is left. */
async function refusal(source: Source): Promise<VarveError> {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  await refusalOf({ csv: "/absent.csv" });
  const before = descriptors();
  const error = await refusalOf(source);
  expect(leftSources()).toEqual([]);
  expect(descriptors()).toBeLessThanOrEqual(before);
  return error;
}

async function refusalOf(source: Source): Promise<VarveError> {
  const error: unknown = await stored(source).then(
    (rows) => new Error(`stored ${rows.length} rows`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VarveError)) throw error;
  return error;
}

/** Copies of source files in the temporary folder. */
function leftSources(): readonly string[] {
  return readdirSync(temporary(), { recursive: true, encoding: "utf8" }).filter((name) =>
    /source-/.test(name),
  );
}

async function parquetFile(): Promise<Buffer> {
  const folder = join(freshFolder(), "made");
  await (await createTable(folder, { source: [{ id: 1n }, { id: 2n }] })).close();
  return readFileSync(join(folder, dataFiles(folder)[0] ?? ""));
}

const rows = [{ id: 1n }, { id: 2n }];
const csv = "id\n1\n2\n";
const ndjson = '{"id":1}\n{"id":2}\n';
const arrow = () => tableToIPC(tableFromArrays({ id: BigInt64Array.from([1n, 2n]) }), "file");

describe("a source file at an HTTP address", () => {
  const kinds: readonly (readonly [string, Omit<WebFile, "body">])[] = [
    ["by ranges", {}],
    ["by ranges that a time tells apart", { etag: null, headers: { "last-modified": "yesterday" } }],
    ["whole, where ranges cannot be told apart", { etag: null }],
    ["whole, from a server without ranges", { ranges: false }],
    ["whole, from a server that does not say how long it is", { ranges: false, length: false }],
  ];

  it.each(kinds)("is read %s, in every format", async (_, kind) => {
    await using web = await startWebServer();
    const serve = (path: string, body: string | Uint8Array) => {
      web.files.set(path, { ...kind, body: Buffer.from(body) });
      return `${web.origin}${path}`;
    };
    expect(await stored({ csv: serve("/a.csv", csv) })).toEqual(rows);
    expect(await stored({ csv: serve("/a.csv.gz", gzipSync(csv)) })).toEqual(rows);
    expect(await stored({ ndjson: serve("/a.ndjson", ndjson) })).toEqual(rows);
    expect(await stored({ parquet: serve("/a.parquet", await parquetFile()) })).toEqual(rows);
    expect(await stored({ arrow: serve("/a.arrow", arrow()) })).toEqual(rows);
    const files = { f: serve("/b.csv", csv) };
    expect(await stored({ sql: "SELECT id FROM f", files })).toEqual(rows);
    expect(leftSources()).toEqual([]);
  });

  it("is named by a URL object, next to local files and others, in their order", async () => {
    await using web = await startWebServer({ "/a.csv": "id\n1\n", "/b.csv": "id\n3\n" });
    const local = join(freshFolder(), "local.csv");
    writeFileSync(local, "id\n2\n");
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { csv: [new URL(`${web.origin}/b.csv`), pathToFileURL(local), `${web.origin}/a.csv`] },
    });
    const ids: unknown[] = [];
    for await (const row of table.rows()) ids.push(row["id"]);
    expect(ids).toEqual([3n, 2n, 1n]);
    expect(await stored({ arrow: new URL(`${web.origin}/a.csv`) }).catch((e: VarveError) => e.code)).toBe(
      "SOURCE_UNREADABLE",
    );
  });

  it("is read in parts if it is large, each of the same file, and its progress is bytes", async () => {
    const line = `${"x".repeat(999)}\n`;
    const body = Buffer.from(`text\n${line.repeat(20_000)}`);
    await using web = await startWebServer({ "/large.csv": { body } });
    const progress: WriteProgress[] = [];
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { csv: `${web.origin}/large.csv` },
      onProgress: (step) => progress.push(step),
    });
    expect(await table.count()).toBe(20_000);
    expect(web.log.map(({ headers }) => headers.range).sort()).toEqual([
      "bytes=0-8388607",
      "bytes=16777216-20000004",
      "bytes=8388608-16777215",
    ]);
    const fetched = progress.filter(({ phase }) => phase === "fetching").map(({ bytes }) => bytes ?? 0);
    expect(fetched[0]).toBe(0);
    expect(fetched.at(-1)).toBe(body.length);
    expect([...fetched].sort((a, b) => a - b)).toEqual(fetched);
    expect(progress.map(({ phase }) => phase)).toContain("reading");
  });

  it("is called by its address, without what may be secret, in reports and quarantines", async () => {
    await using web = await startWebServer({ "/export": "id\n1\n-2\n" });
    const secret = `${web.origin.replace("//", "//user:word@")}/export?sig=topsecret`;
    const report = await runSuite(positiveIds, { csv: [`${secret}&part=1`, `${secret}&part=2`] });
    expect(report.checks[0]?.sample.map(({ file, row }) => [file, row])).toEqual([
      [`${web.origin}/export`, 1],
      [`${web.origin}/export (2)`, 1],
    ]);
    expect(web.log[0]?.headers.authorization).toBe(`Basic ${btoa("user:word")}`);
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1n }] });
    await table.append({ csv: secret }, { gate: positiveIds });
    const [row] = await table.quarantine.read();
    expect(JSON.stringify(Object.values(row ?? {}).map(String))).toContain(`"${web.origin}/export"`);
    expect(JSON.stringify(actionsOf(folder, 1, "commitInfo"))).not.toContain("topsecret");
  });

  it("is profiled", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    expect(await profile({ csv: `${web.origin}/a.csv` })).toMatchObject({ rows: 2 });
  });

  it("is not fetched again for a batch that has landed", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    await using table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1n }] });
    await table.append({ csv: `${web.origin}/a.csv` }, { batchId: "a" });
    const again = await table.append({ csv: `${web.origin}/a.csv` }, { batchId: "a" });
    expect([again.outcome, web.log.length]).toEqual(["alreadyApplied", 1]);
  });

  it("follows redirects, keeps to where they led, and goes back when that has expired", async () => {
    const body = Buffer.from(`text\n${`${"y".repeat(999)}\n`.repeat(9_000)}`);
    await using cdn = await startWebServer({ "/signed": { body } });
    await using web = await startWebServer();
    const there = {
      kind: "answer",
      status: 302,
      headers: { location: `${cdn.origin}/signed?sig=1` },
    } as const;
    web.inject("/large.csv", there, 2);
    cdn.before = () => {
      if (cdn.log.length === 2) cdn.inject("/signed", { kind: "answer", status: 403 });
    };
    expect(await stored({ csv: `${web.origin.replace("//", "//user:word@")}/large.csv` })).toHaveLength(
      9_000,
    );
    expect([web.log.length, cdn.log.length]).toEqual([2, 3]);
    expect(cdn.log.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
  });
});

describe("a request that fails for a while", () => {
  it.each([
    ["a status", { kind: "answer", status: 500 }],
    ["a status that says when to return", { kind: "answer", status: 503, headers: { "retry-after": "1" } }],
    ["too many requests", { kind: "answer", status: 429 }],
    ["a body that is cut", { kind: "truncate" }],
    ["a connection that is reset", { kind: "reset" }],
  ] as const)("is repeated: %s", async (_, fault) => {
    await using web = await startWebServer({
      "/a.csv": csv,
      "/whole.csv": { body: Buffer.from(csv), ranges: false },
    });
    web.inject("/a.csv", fault, 3);
    web.inject("/whole.csv", fault, 3);
    expect(await stored({ csv: `${web.origin}/a.csv` })).toEqual(rows);
    expect(await stored({ csv: `${web.origin}/whole.csv` })).toEqual(rows);
    expect(web.log).toHaveLength(8);
  });

  it("is given up after eight attempts", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    web.inject("/a.csv", { kind: "answer", status: 503 }, 100);
    expect(await refusal({ csv: `${web.origin}/a.csv?sig=topsecret` })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: `Cannot read ${web.origin}/a.csv: the server answered 503 (Service Unavailable), in 8 attempts. Retry later.`,
      data: { file: `${web.origin}/a.csv`, status: 503 },
    });
  });
});

describe("a source file that cannot be fetched", () => {
  it.each([
    [404, "Check the address."],
    [403, "Check that this address may be read; a signed address is valid for a limited time."],
    [418, "Read it by other means and pipe it to varve with - as the file."],
  ])("is refused after the one answer %i, without its query", async (status, remedy) => {
    await using web = await startWebServer({ "/b.csv": csv });
    web.inject("/a.csv", { kind: "answer", status }, 100);
    const secret = `${web.origin.replace("//", "//user:word@")}/a.csv?sig=topsecret#part`;
    const error = await refusal({ csv: [`${web.origin}/b.csv`, secret] });
    expect(error).toMatchObject({ code: "SOURCE_UNREADABLE", data: { file: `${web.origin}/a.csv`, status } });
    expect(error.message).toContain(`Cannot read ${web.origin}/a.csv: the server answered ${status}`);
    expect(error.message.endsWith(remedy)).toBe(true);
    expect(web.log.filter(({ url }) => url.startsWith("/a.csv"))).toHaveLength(1);
    for (const text of [error.stack, JSON.stringify(error.data), String((error.cause as Error).stack)])
      expect(text).not.toMatch(/topsecret|word/);
  });

  it("is refused if each answer is cut", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    web.inject("/a.csv", { kind: "truncate" }, 100);
    expect(await refusal({ csv: `${web.origin}/a.csv` })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: `${web.origin}/a.csv`, code: "ECONNRESET" },
    });
  });

  it("is refused if it is replaced between ranges, by tag, by size and by time", async () => {
    const body = Buffer.from(`text\n${"y".repeat(9 * 2 ** 20)}\n`);
    const longer = Buffer.concat([body, Buffer.from("z\n")]);
    const time = (day: number) => ({ etag: null, headers: { "last-modified": `day ${day}` } });
    for (const [first, second] of [
      [{ body }, { body, etag: '"2"' }],
      [{ body }, { body: longer }],
      [{ body }, { body: body.subarray(0, 100) }],
      [{ body }, { body, ranges: false }],
      [
        { body, ...time(1) },
        { body, ...time(2) },
      ],
    ] as const) {
      await using web = await startWebServer({ "/a.csv": first });
      web.before = () => {
        if (web.log.length === 2) web.files.set("/a.csv", second);
      };
      expect(await refusal({ csv: `${web.origin}/a.csv` })).toMatchObject({
        code: "SOURCE_UNREADABLE",
        message: `Cannot read ${web.origin}/a.csv: the file was replaced while it was being read. Retry when it no longer changes.`,
      });
    }
  });

  it("is refused if a redirect leaves this machine without encryption, leads nowhere, or in a circle", async () => {
    await using web = await startWebServer();
    const to = (location: string) => ({ kind: "answer", status: 302, headers: { location } }) as const;
    for (const [location, what] of [
      ["http://example.com/a.csv?sig=1", "it redirects to http://example.com, which is not encrypted"],
      ["file:///etc/passwd", "it redirects to what is not HTTPS"],
      ["/a.csv", "it redirects more than 10 times"],
    ] as const) {
      web.inject("/a.csv", to(location), location === "/a.csv" ? 100 : 1);
      expect((await refusal({ csv: `${web.origin}/a.csv` })).message).toBe(
        `Cannot read ${web.origin}/a.csv: ${what}. Pass the address that it leads to, if you trust it.`,
      );
    }
  });

  it("is refused if it is compressed in a way that no reader knows", async () => {
    await using web = await startWebServer({
      "/a.csv": { body: Buffer.from(csv), headers: { "content-encoding": "br" } },
      "/b.csv": { body: gzipSync(csv), headers: { "content-encoding": "gzip" } },
    });
    expect((await refusal({ csv: `${web.origin}/a.csv` })).message).toContain(
      'the server compresses it with "br", although it was asked not to',
    );
    expect(await stored({ csv: `${web.origin}/b.csv` })).toEqual(rows);
  });

  it("is refused if nothing listens", async () => {
    const web = await startWebServer();
    await web[Symbol.asyncDispose]();
    expect(await refusal({ csv: `${web.origin}/a.csv` })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(/ECONNREFUSED.*, in 8 attempts\. Retry later\.$/),
    });
  });

  it("is called by its address when its content is at fault, also after staging", async () => {
    await using web = await startWebServer({ "/a.csv": "id\n1,2\n", "/e.csv": "", "/b.parquet": "no" });
    for (const source of [
      { csv: `${web.origin}/a.csv?sig=topsecret` },
      { csv: `${web.origin}/e.csv?sig=topsecret` },
      { parquet: `${web.origin}/b.parquet?sig=topsecret` },
      { sql: "SELECT * FROM f", files: { f: `${web.origin}/b.parquet?sig=topsecret` } },
    ]) {
      const error = await refusal(source);
      expect(error.code).toBe("SOURCE_UNREADABLE");
      expect(error.message).toContain(`${web.origin}/`);
      expect(`${error.message} ${JSON.stringify(error.data)}`).not.toMatch(/topsecret|source-\d|varve-test/);
      expect(String(error.data["file"])).toMatch(/^http:.*(csv|parquet)$/);
    }
  });

  it("twice in a source that a gate reads is refused by its address", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    const address = `${web.origin}/a.csv`;
    const run = runSuite(positiveIds, { csv: [address, address] });
    await expect(run).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(`the file ${address} twice`),
    });
    expect(web.log).toHaveLength(1);
  });

  it("is no longer fetched when the caller cancels, and nothing of it is left", async () => {
    const controller = new AbortController();
    await using web = await startWebServer({ "/a.csv": csv });
    web.inject("/a.csv", { kind: "stall", act: () => controller.abort() });
    await using table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1n }] });
    await expect(
      table.append({ csv: `${web.origin}/a.csv` }, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: "CANCELLED", message: `Cancelled while fetching ${web.origin}/a.csv.` });
    expect(leftSources()).toEqual([]);
  });
});

describe("a download", () => {
  const written = async (url: string, idleMilliseconds: number, ca?: string) => {
    const path = join(freshFolder(), "file");
    using own = httpConnections(idleMilliseconds);
    const connections = ca === undefined ? own : { ...own, https: new Agent({ ca }) };
    const { signal } = new AbortController();
    const name = "https://host/a.csv";
    const download = { url: new URL(url), name, connections, concurrency: 4, world, partBytes: 7, signal };
    let bytes = 0;
    await writingLocalFile(
      path,
      (count) => {
        bytes += count;
      },
      (file) => downloadHttp(download, file),
    );
    return { text: readFileSync(path, "utf8"), bytes };
  };
  const text = "0123456789".repeat(100);

  it("from an HTTPS address is not led to HTTP, not even on this machine", async () => {
    const certificate = selfSigned();
    await using plain = await startWebServer({ "/a.csv": text });
    await using web = await startWebServer({ "/b.csv": text }, certificate);
    const location = `${plain.origin}/a.csv`;
    web.inject("/a.csv", { kind: "answer", status: 302, headers: { location } });
    web.inject("/c.csv", { kind: "answer", status: 302, headers: { location: "/b.csv" } });
    await expect(written(`${web.origin}/a.csv`, 30_000, certificate.cert)).rejects.toMatchObject({
      message: expect.stringContaining(`it redirects to ${plain.origin}, which is not encrypted`),
    });
    expect(plain.log).toEqual([]);
    expect(await written(`${web.origin}/c.csv`, 30_000, certificate.cert)).toMatchObject({ text });
  });

  it("of many ranges has all bytes in their places, whatever has to be repeated", async () => {
    await using web = await startWebServer({ "/a.csv": text });
    const ranges = new Set<string | undefined>();
    web.before = () => {
      const range = web.log.at(-1)?.headers.range;
      if (ranges.has(range)) return;
      web.inject("/a.csv", { kind: ranges.size % 2 === 0 ? "truncate" : "reset" });
      ranges.add(range);
    };
    expect(await written(`${web.origin}/a.csv`, 30_000)).toEqual({ text, bytes: 1000 });
    expect([ranges.size, web.log.length]).toEqual([143, 286]);
  });

  it("in one request begins again when it is cut, and leaves nothing of what came before", async () => {
    const file = { body: Buffer.from(text), ranges: false };
    await using web = await startWebServer({ "/a.csv": file });
    web.inject("/a.csv", { kind: "truncate" });
    web.before = () => {
      if (web.log.length === 2) web.files.set("/a.csv", { ...file, body: Buffer.from("new") });
    };
    expect(await written(`${web.origin}/a.csv`, 30_000)).toEqual({ text: "new", bytes: 3 });
  });

  it("does not wait for a server that says nothing more", async () => {
    await using web = await startWebServer({ "/a.csv": text });
    web.inject("/a.csv", { kind: "stall" });
    expect(await written(`${web.origin}/a.csv`, 500)).toEqual({ text, bytes: 1000 });
  });

  it.each([
    ["more than the range that was asked for", "bytes 0-999/9007199254740991"],
    ["fewer bytes than its range has", "bytes 0-999/1000"],
    ["a range beyond its file", "bytes 0-999/7"],
    ["a range without a size", "bytes 0-999/*"],
    ["no range at all", "pieces"],
  ])("does not believe a server that answers with %s", async (_, range) => {
    await using web = await startWebServer({ "/a.csv": text });
    web.inject(
      "/a.csv",
      { kind: "answer", status: 206, headers: { "content-range": range, etag: '"1"' } },
      100,
    );
    await expect(written(`${web.origin}/a.csv`, 30_000)).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(/^Cannot read https:\/\/host\/a\.csv: /),
    });
  });
});

describe("a temporary folder", () => {
  afterEach(restoreDisk);

  it("that cannot take a file is named, with how to choose another, and the file is not fetched again", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    failDisk("open", "ENOSPC", (name) => name.includes("source-0"));
    await expect(stored({ csv: `${web.origin}/a.csv` })).rejects.toMatchObject({
      code: "STORE_FULL",
      message: expect.stringMatching(/ENOSPC.*TMPDIR, or the option temporaryFolder/),
    });
    expect(leftSources()).toEqual([]);
    const folder = join(freshFolder(), "elsewhere");
    restoreDisk();
    failDisk("open", "ENOSPC", (name) => name.includes("source-0") && !name.startsWith(folder));
    const options = { source: { csv: `${web.origin}/a.csv` }, temporaryFolder: folder };
    await using table = await createTable(join(freshFolder(), "t"), options);
    expect(await table.count()).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("an address that varve does not read", () => {
  it.each([
    ["http://example.com/a.csv", "HTTP is not encrypted; use https://, or pipe it"],
    ["gs://bucket/a.csv", "curl 'gs://bucket/a.csv' | varve append TABLE - --input-format csv"],
    ["az://account/a.csv?sig=topsecret", "source files are read from disk, s3:// and https://"],
    ["ftp://user:word@example.com/a.csv", "curl 'ftp://example.com/a.csv' | varve append"],
    ["https://", "the rest of it is not a URL"],
    ["s3://bucket", "it must name a bucket and a file in it"],
    ["s3://bucket/folder/", "it must name a bucket and a file in it"],
  ])("is refused before anything is sent: %s", async (address, message) => {
    const error = await refusal({ csv: address });
    expect(error).toMatchObject({ code: "INVALID_URI", message: expect.stringContaining(message) });
    expect(`${error.message} ${JSON.stringify(error.data)}`).not.toMatch(/topsecret|word/);
  });

  it("cannot be named by SQL: of a query, a source, a condition or a suite", async () => {
    await using web = await startWebServer({ "/a.csv": csv });
    const select = `SELECT * FROM '${web.origin}/a.csv'`;
    await using table = await createTable(join(freshFolder(), "t"), { source: rows });
    await expect(table.sql(select)).rejects.toMatchObject({ code: expect.stringMatching(/^SQL_/) });
    await expect(table.append({ sql: select })).rejects.toMatchObject({
      code: expect.stringMatching(/^SQL_/),
    });
    await expect(
      table.append({ sql: `SELECT * FROM read_csv('${web.origin}/a.csv')` }),
    ).rejects.toMatchObject({ code: "SQL_REFUSED" });
    expect(web.log).toEqual([]);
  });
});
