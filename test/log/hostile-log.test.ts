import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { boundedData, boundedMessage } from "../../src/errors.ts";
import { fsck, openTable, type VarveError } from "../../src/index.ts";
import { parseHint } from "../../src/log/segment/last-checkpoint.ts";
import { parseJson } from "../../src/util/json.ts";
import { field, HandMadeTable, newSession } from "../table/hand-made-table.ts";

const MiB = 1024 * 1024;
const padded = (version: bigint | number): string => String(version).padStart(20, "0");

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
});

afterEach(async () => {
  await session.close();
  table.remove();
});

async function ids(): Promise<unknown[]> {
  return (await table.rows(session)).map((row) => row["id"]);
}

async function refusal(work: () => Promise<unknown>): Promise<VarveError> {
  try {
    await work();
  } catch (error) {
    return error as VarveError;
  }
  throw new Error("it went through");
}

/** The most memory that the process gained during `work`, looked at whenever the event loop turns. */
async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  await work();
  clearInterval(timer);
  return Math.max(most, process.memoryUsage().rss) - before;
}

describe("stray names in the log", () => {
  const beyond = 2n ** 53n;
  const uuid = "3a0d65cd-4056-49b8-937b-95f9e3ee90e5";

  it.each([
    `${padded(beyond)}.json`,
    `${padded(beyond)}.crc`,
    `${padded(beyond)}.checkpoint.parquet`,
    `${padded(beyond)}.checkpoint.0000000001.0000000001.parquet`,
    `${padded(beyond)}.checkpoint.${uuid}.json`,
    `${padded(1)}.${padded(beyond)}.compacted.json`,
    "09999999999999999999.json",
    "99999999999999999999.json",
  ])(
    "%s, whose version nobody can count, is passed over by readers and writers, and named by fsck",
    async (name) => {
      table.create([field("id", "integer")]);
      table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id"));
      writeFileSync(join(table.folder, "_delta_log", name), "{}\n");
      expect(await ids()).toEqual([1]);
      const opened = await openTable(table.folder);
      expect((await opened.append([{ id: 2 }])).version).toBe(2);
      await opened.close();
      expect(await ids()).toEqual([1, 2]);
      const { findings } = await fsck(table.folder);
      expect(findings).toMatchObject([
        { code: "LOG_FILE_STRAY", severity: "warning", path: `_delta_log/${name}` },
      ]);
    },
  );

  it("a commit far ahead is a gap and not passed over: the commits between may be lost", async () => {
    table.create([field("id", "integer")]);
    writeFileSync(join(table.folder, "_delta_log", `${padded(2n ** 53n - 1n)}.json`), "{}\n");
    expect((await refusal(() => table.snapshot())).code).toBe("LOG_GAP");
  });
});

describe("names in messages", () => {
  it("of 100,000 characters are cut, and what to do next is still said", async () => {
    table.create([field("id", "integer")]);
    const path = "x".repeat(100_000);
    table.commit({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } });
    const error = await refusal(ids);
    expect(error.message.length).toBeLessThan(1500);
    const { findings } = await fsck(table.folder, { orphans: false });
    expect(Math.max(...findings.map(({ message }) => message.length))).toBeLessThan(1500);
  });

  it("of features beyond number are cut too", async () => {
    table.create([field("id", "integer")], {
      features: Array.from({ length: 20_000 }, (_, at) => `unknown-${at}`),
    });
    const error = await refusal(ids);
    expect(error.code).toBe("UNSUPPORTED_FEATURE");
    expect(error.message.length).toBeLessThan(4200);
  });

  it("are cut at 500 characters a word, 4,000 in all and 10,000 in data, and never inside a pair of surrogates", () => {
    expect(boundedMessage(`The file ${"y".repeat(501)} is gone. Restore it.`)).toBe(
      `The file ${"y".repeat(500)}… is gone. Restore it.`,
    );
    const long = boundedMessage(`${"word ".repeat(10_000)}Restore it.`);
    expect(long.length).toBeLessThan(4_000);
    expect(long).toMatch(/^word .*characters left out.*Restore it\.$/s);
    expect(boundedMessage(`x${"😀".repeat(600)}`)).toBe(`x${"😀".repeat(249)}…`);
    const data = { path: "p".repeat(20_000), list: ["q".repeat(20_000), 1n], kept: { at: 1 } };
    expect(boundedData(data).path.length).toBeLessThan(10_000);
    expect(String(boundedData(data).list[0]).length).toBeLessThan(10_000);
    expect(boundedData(data).list[1]).toBe(1n);
    const small = { path: "p", list: [1] };
    expect(boundedData(small)).toBe(small);
  });
});

describe("long lines of the log", () => {
  /** An action of so many bytes, beside a commit's others. */
  const filler = (bytes: number): object => ({ commitInfo: { operation: "x".repeat(bytes) } });

  it("a schema of 20 MB is read, and its table written", async () => {
    table.create([field("id", "integer", { comment: "c".repeat(20 * MiB) })]);
    table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id"));
    expect(await ids()).toEqual([1]);
    const opened = await openTable(table.folder);
    await opened.append([{ id: 2 }]);
    await opened.close();
    expect(await ids()).toEqual([1, 2]);
  });

  it("statistics of 40 MB in an add are read, small and big tables alike", async () => {
    table.create([field("id", "integer")]);
    const stats = JSON.stringify({ numRecords: 1, note: "s".repeat(40 * MiB) });
    table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id", { stats }));
    expect(await ids()).toEqual([1]);
  });

  it.each([
    ["about the table", filler(100 * MiB)],
    [
      "about a file",
      {
        add: {
          path: "x".repeat(100 * MiB),
          partitionValues: {},
          size: 1,
          modificationTime: 0,
          dataChange: true,
        },
      },
    ],
  ])("one of 100 MB %s is refused, naming file and size, with bounded memory", async (_what, action) => {
    table.create([field("id", "integer")]);
    table.commit(action);
    let error: VarveError | undefined;
    const memory = await memoryOf(async () => {
      error = await refusal(() => table.snapshot());
    });
    expect(error).toMatchObject({
      code: "LIMIT_EXCEEDED",
      data: { path: `_delta_log/${padded(1)}.json`, line: 1, limit: 64 * MiB },
    });
    expect(error?.message).toContain(`_delta_log/${padded(1)}.json: line 1 has`);
    expect(memory).toBeLessThan(160 * MiB);
    const { findings } = await fsck(table.folder);
    expect(findings.map(({ code }) => code)).toContain("COMMIT_CORRUPT");
    expect((await table.snapshot(0)).version).toBe(0);
  });

  it("300,000 actions about no file in one commit are read", async () => {
    table.create([field("id", "integer")]);
    const actions = Array.from(
      { length: 300_000 },
      (_, at) => `{"txn":{"appId":"application-${at}","version":1}}\n`,
    );
    writeFileSync(join(table.folder, "_delta_log", `${padded(1)}.json`), actions.join(""));
    const snapshot = await table.snapshot();
    expect((await snapshot.appTransactions()).size).toBe(300_000);
  });

  it("lines that begin and end anywhere in the pieces of a big commit are read", async () => {
    table.create([field("id", "integer")]);
    const add = await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id");
    const info = (bytes: number): object => ({
      domainMetadata: { domain: `d${bytes}`, configuration: "x".repeat(bytes), removed: false },
    });
    const sizes = [1, 3 * MiB, 8 * MiB - 90, 17 * MiB, 5, 8 * MiB, 6];
    table.commit(
      { protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ["domainMetadata"] } },
      add,
      ...sizes.map(info),
    );
    const domains = await (await table.snapshot()).domainMetadata();
    expect([...domains.values()].map(({ configuration }) => configuration.length)).toEqual(sizes);
    expect(await ids()).toEqual([1]);
  });
});

describe("JSON that exhausts its readers", () => {
  const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  it("nested more than 1,000 deep is no JSON to varve, brackets in texts aside", () => {
    expect(parseJson(`{"text":${JSON.stringify('["\\'.repeat(5000))},"deep":${deep(900)}}`)).toBeTypeOf(
      "object",
    );
    for (const text of [deep(1001), `{"n":12345678901234567890,"deep":${deep(100_000)}}`]) {
      expect(() => parseJson(text)).toThrow(new SyntaxError("nested more than 1000 deep"));
    }
  });

  it("a number of ten million digits is rounded, because as an exact integer it takes seconds", () => {
    expect(parseJson(`[${"9".repeat(10_000_000)}]`)).toEqual([Number.POSITIVE_INFINITY]);
    expect(parseJson(`[${"9".repeat(400)}]`)).toEqual([10n ** 400n - 1n]);
  });

  it.each([
    ["commitInfo", { commitInfo: { a: "DEEP" } }],
    [
      "partition values",
      { add: { path: "a", partitionValues: { p: "DEEP" }, size: 1, modificationTime: 0, dataChange: true } },
    ],
    [
      "statistics as an object",
      {
        add: {
          path: "a",
          partitionValues: {},
          size: 1,
          modificationTime: 0,
          dataChange: true,
          stats: { a: "DEEP" },
        },
      },
    ],
    ["an unknown action", { mystery: "DEEP" }],
  ])("in %s of a commit is a damaged commit", async (_what, action) => {
    table.create([field("id", "integer")]);
    const line = JSON.stringify(action).replace('"DEEP"', deep(100_000));
    writeFileSync(join(table.folder, "_delta_log", `${padded(1)}.json`), `${line}\n`);
    expect((await refusal(ids)).code).toBe("LOG_CORRUPT");
  });

  it("in statistics leaves a file without statistics", async () => {
    table.create([field("id", "integer")]);
    const stats = `{"minValues":{"id":${deep(100_000)}},"numRecords":1}`;
    table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id", { stats }));
    const opened = await openTable(table.folder);
    let rows = 0;
    for await (const batch of (await opened.at(1)).batches({ where: "id = 1" })) rows += batch.numRows;
    expect(rows).toBe(1);
    const [latest] = await opened.history();
    expect(latest?.rowsAdded).toBeUndefined();
    await opened.close();
  });

  it.each(["struct", "array", "map"])("in a schema of %s types is an invalid schema", async (kind) => {
    let type: unknown = "integer";
    for (let level = 0; level < 400; level++) {
      if (kind === "struct") type = { type: "struct", fields: [field("f", type)] };
      if (kind === "array") type = { type: "array", elementType: type, containsNull: true };
      if (kind === "map") type = { type: "map", keyType: "string", valueType: type, valueContainsNull: true };
    }
    table.create([field("id", type)]);
    const error = await refusal(async () => (await table.snapshot()).schema);
    expect(error.code).toBe("SCHEMA_INVALID");
  });

  it("in hints and checksums leaves the table readable", async () => {
    table.create([field("id", "integer")]);
    table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id"));
    writeFileSync(join(table.folder, "_delta_log", "_last_checkpoint"), `{"version":1,"a":${deep(100_000)}}`);
    writeFileSync(join(table.folder, "_delta_log", `${padded(1)}.crc`), `{"a":${deep(100_000)}}`);
    expect(await ids()).toEqual([1]);
    const codes = (await fsck(table.folder)).findings.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(["HINT_INVALID", "CHECKSUM_WRONG"]));
  });

  it("a hint whose checksum would take hundreds of megabytes to make is as good as none", async () => {
    const deep = `${"[".repeat(900)}${"0,".repeat(150_000)}0${"]".repeat(900)}`;
    const hint = Buffer.from(`{"version":3,"deep":${deep},"checksum":"${"0".repeat(32)}"}`);
    const memory = await memoryOf(async () => {
      expect(parseHint(hint)).toBeUndefined();
    });
    expect(memory).toBeLessThan(120 * MiB);
  });

  it("a hint of 100 MB is as good as none", async () => {
    table.create([field("id", "integer")]);
    writeFileSync(
      join(table.folder, "_delta_log", "_last_checkpoint"),
      `{"version":0,"a":"${"x".repeat(100 * MiB)}"}`,
    );
    const memory = await memoryOf(() => table.snapshot());
    expect(memory).toBeLessThan(60 * MiB);
  });
});

describe("tables of great numbers", () => {
  it("30,000 columns and as many properties are opened and read", async () => {
    const fields = Array.from({ length: 30_000 }, (_, at) =>
      field(`c${at}`, "integer", { "delta.columnMapping.id": at + 1 }),
    );
    const configuration = Object.fromEntries(
      Array.from({ length: 30_000 }, (_, at) => [`property.${at}`, "x"]),
    );
    table.create([field("id", "integer"), ...fields], { configuration });
    table.commit(await table.add(session, "a.parquet", "SELECT 1::INTEGER AS id"));
    expect((await table.snapshot()).schema.fields.length).toBe(30_001);
    expect(await table.rows(session, { columns: ["id"] })).toEqual([{ id: 1 }]);
  });
});
