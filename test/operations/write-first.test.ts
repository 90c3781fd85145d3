import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError, type VarveError } from "../../src/errors.ts";
import { type GateOutcome, summarizeVerdict } from "../../src/quality/gate/verdict.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { schema } from "../../src/schema/builder.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { existingTarget } from "../../src/write/plan/batch-target.ts";
import { addedRows, writeTests } from "../../src/write/plan/plan-rows.ts";
import type { WriteProgress } from "../../src/write/plan/write-options.ts";
import type { WriteSource } from "../../src/write/plan/write-source.ts";
import { judgePlan, runPlan } from "../../src/write/write-pipeline.ts";
import fc from "../support/fast-check.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

type Options = {
  readonly onFail: "reject" | "warn";
  readonly onNull: "ignore" | "fail" | "pass";
  readonly id: string;
};

const makes: readonly ((options: Options) => BuiltCheck)[] = [
  (o) => check.notNull("s", o),
  (o) => check.notNull("i", o),
  (o) => check.notNull("tags", o),
  (o) => check.matches("s", "^[a-c]*$", o),
  (o) => check.matches("s", "b", o),
  (o) => check.length("s", { min: 1, max: 2 }, o),
  (o) => check.length("s", { max: 3, strictMax: true }, o),
  (o) => check.length("s", { min: 1, max: 1 }, o),
  (o) => check.oneOf("s", ["a", "ab", "é"], o),
  (o) => check.noneOf("s", ["c"], o),
  (o) => check.between("s", { min: "a", max: "b" }, o),
  (o) => check.between("i", { min: -1, max: 1 }, o),
  (o) => check.between("d", { min: -1, max: 1 }, o),
  (o) => check.between("d", { min: 0 }, o),
  (o) => check.between("f", { max: 0.1 }, o),
  (o) => check.between("m", { min: 0.25, strictMin: true }, o),
  (o) => check.between("day", { min: "1970-01-02", max: "2020-01-01" }, o),
  (o) => check.between("at", { max: "2000-01-01T00:00:00.123456Z" }, o),
  (o) => check.between("local", { min: "1950-01-01 00:00:00" }, o),
  (o) => check.between("i", { min: 0 }, { ...o, where: "s = 'a'" }),
  (o) => check.between("i", { min: 0 }, { ...o, mostly: 0.5 }),
  ({ onFail, id }) => check.measure("max", "i", { max: 1 }, { onFail, id }),
  ({ onFail, id }) => check.measure("min", "d", { min: 0 }, { onFail, id }),
  ({ onFail, id }) => check.measure("max", "at", { max: "2000-01-01T00:00:00Z" } as never, { onFail, id }),
  (o) => check.matches("st.t", "^x", o),
  (o) => check.complete(["s", "i"], o),
  (o) => check.equal("s", "u", o),
  (o) => check.unique("i", o),
  (o) => check.sql("length(s) < 3", o),
  (o) => check.matches("s", "^a", { ...o, where: "i > 0" }),
  (o) => check.matches("s", "^[abc]", { ...o, mostly: 0.5 }),
];

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 5 });
const text = fc.option(fc.constantFrom("", "a", "ab", "abc", "c", "é"), { nil: null, freq: 5 });
const row = fc.record({
  i: fc.option(fc.integer({ min: -2, max: 2 }), { nil: null, freq: 6 }),
  d: maybe(fc.constantFrom(0, -0, 1, -1, 1.5, Number.NaN, Infinity, -Infinity, 1e308)),
  f: maybe(fc.constantFrom(0, 0.1, 0.11, Number.NaN)),
  m: maybe(fc.constantFrom("0.25", "0.26", "-99999999999999999999999999999999.99")),
  day: maybe(fc.constantFrom("1970-01-01", "1970-01-02", "2020-01-01", "0001-01-01", "9999-12-31")),
  at: maybe(
    fc.constantFrom(
      ...["1900-01-01T00:00:00Z", "2000-01-01T00:00:00.123Z", "2000-01-01T00:00:00.124Z"].map(
        (time) => new Date(time),
      ),
    ),
  ),
  local: maybe(fc.constantFrom("1949-12-31 23:59:59.999999", "1950-01-01 00:00:00")),
  s: text,
  u: text,
  st: fc.option(fc.record({ t: fc.option(fc.constantFrom("x", "xy", "y"), { nil: null }) }), { nil: null }),
  tags: fc.option(fc.array(fc.constantFrom("p", "q"), { maxLength: 2 }), { nil: null, freq: 5 }),
});

const facts = () =>
  schema()
    .integer("i")
    .double("d")
    .float("f")
    .decimal("m", 34, 2)
    .date("day")
    .timestamp("at")
    .timestampNtz("local")
    .string("s")
    .string("u")
    .struct("st", schema().string("t"))
    .array("tags", "string");

const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? String(item) : item)));

/** What all tests, made before anything is written, say of the rows. */
async function judged(
  table: Table,
  source: WriteSource,
  gate: ReturnType<typeof suite>,
): Promise<GateOutcome> {
  const target = await existingTarget(table.snapshot().log);
  const { verdict } = await judgePlan(
    addedRows(target, { source, tests: writeTests(target.metadata.configuration, { gate }) }),
  );
  if (verdict === undefined) throw new Error("there is no verdict");
  return verdict;
}

async function refusal(work: Promise<unknown>): Promise<VarveError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isVarveError(error)) throw new Error(`it was not refused: ${String(error)}`);
  return error;
}

const ofFiles: readonly ((options: Options) => BuiltCheck)[] = [
  (o) => check.notNull("s", o),
  (o) => check.matches("s", "^[a-z]+$", o),
  (o) => check.length("s", { min: 1, max: 9 }, o),
  (o) => check.between("i", { min: 0, max: 260_000 }, o),
  (o) => check.between("d", { min: -1e9 }, o),
  (o) => check.between("m", { min: -1, max: 1e12 }, o),
  (o) => check.between("day", { min: "1960-01-01" }, o),
  (o) => check.between("at", { max: "2030-01-01T00:00:00.000001Z" }, o),
  (o) => check.between("g", { min: 0 }, o),
  (o) => check.unique("i", o),
  (o) => check.unique("i", { ...o, keep: "first" }),
  (o) => check.unique("i", { ...o, where: "i > 10" }),
  (o) => check.unique("g", o),
  (o) => check.unique("m", o),
  (o) => check.unique(["i", "s"], o),
  ({ onFail, id }) => check.measure("max", "i", { max: 500_000 }, { onFail, id }),
  ({ onFail, id }) => check.measure("min", "m", { min: -1 }, { onFail, id }),
  ({ onFail, id }) => check.measure("mean", "k", { min: 0 }, { onFail, id }),
];

/**
 * Parquet files of 260,000 rows that any check passes, but for a value or two in the second of three row
 * groups; and one without rows.
 */
async function oddFiles(folder: string): Promise<string[]> {
  const odd = (value: string, usual: string) => `CASE WHEN i = 130_000 THEN ${value} ELSE ${usual} END`;
  const usual = {
    i: "CAST(i AS BIGINT)",
    k: "CAST(i * 3 - 7 AS INTEGER)",
    s: "translate(CAST(i AS VARCHAR), '0123456789', 'abcdefghij')",
    d: "CAST(i AS DOUBLE)",
    m: "CAST(i AS DECIMAL(38, 4))",
    day: "DATE '1970-01-01' + CAST(i % 1000 AS INTEGER)",
    at: "TIMESTAMPTZ '2020-01-01 00:00:00.000001+00' + to_microseconds(i)",
  };
  const changes: Partial<Record<keyof typeof usual, string>>[] = [
    {},
    { s: "NULL", m: "NULL" },
    { s: "'É'", i: "5" },
    { i: "NULL", d: "'nan'" },
    { i: "9223372036854775807", m: "-9999999999999999999999999999999999.9999" },
    {
      i: "-9223372036854775808",
      day: "DATE '0044-03-15 (BC)'",
      at: "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'",
    },
  ];
  const session = await duckdbEngine.open();
  const files: string[] = [];
  for (const change of [...changes, undefined]) {
    const items = Object.entries({ ...usual, ...change }).map(([name, value]) => {
      const plainly = usual[name as keyof typeof usual];
      return `${value === plainly ? value : odd(value, plainly)} AS ${name}`;
    });
    const file = join(folder, `${files.length}.parquet`);
    await session.execute(
      unchecked(
        `COPY (SELECT ${items.join(", ")} FROM range(${change === undefined ? 0 : 260_000}) AS t(i)) TO '${file}'`,
      ),
    );
    files.push(file);
  }
  await session.close();
  return files;
}

/**
 * A Parquet file of 1,000 different numbers, the largest of which is 123,456,789, though its statistics say
 * 999.
 */
async function lyingFile(folder: string): Promise<string> {
  const file = join(folder, "lying.parquet");
  const session = await duckdbEngine.open();
  const values =
    "SELECT CAST(CASE WHEN i = 500 THEN 123456789 ELSE i END AS INTEGER) AS n FROM range(1000) AS t(i)";
  await session.execute(
    unchecked(`COPY (${values}) TO '${file}' (FORMAT parquet, COMPRESSION uncompressed)`),
  );
  await session.close();
  const bytes = readFileSync(file);
  const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const [highest, claimed] = [Buffer.alloc(4), Buffer.alloc(4)];
  highest.writeInt32LE(123_456_789);
  claimed.writeInt32LE(999);
  for (let at = bytes.indexOf(highest, footer); at >= 0; at = bytes.indexOf(highest, at))
    claimed.copy(bytes, at);
  writeFileSync(file, bytes);
  return file;
}

describe("a batch that is written while it is tested", () => {
  it("gets the verdict that it would get before it is written, whatever the suite and the rows", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: facts() });
    let held = 0;
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: makes.length - 1 }),
            fc.constantFrom<"reject" | "warn">("reject", "reject", "warn"),
            fc.constantFrom<"ignore" | "fail" | "pass">("ignore", "fail", "pass"),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        async (rows, picks) => {
          const checks = picks.map(
            ([pick, onFail, onNull], at) => makes[pick]?.({ onFail, onNull, id: `c${at}` }) as BuiltCheck,
          );
          const gate = suite("random", checks);
          const expected = await judged(table, rows, gate);
          if (expected.accepted) {
            const { gate: verdict } = await table.append(rows, { gate });
            expect(plain(verdict?.checks)).toEqual(plain(expected.checks));
            expect(plain(summarizeVerdict(verdict as GateOutcome))).toEqual(
              plain(summarizeVerdict(expected)),
            );
            held += rows.length;
            accepted += 1;
          } else {
            const error = await refusal(table.append(rows, { gate }));
            expect(error.code).toBe("BATCH_REJECTED");
            expect(plain(error.data["gate"])).toEqual(plain(summarizeVerdict(expected)));
          }
        },
      ),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(10);
    expect(await rowsOf(table)).toHaveLength(held);
    await table.close();
  });

  it("is refused at the first row that fails, with every failing row counted and nothing left behind", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: schema().long("id").string("code") });
    const before = filesBelow(join(folder, "t"));
    const rows = Array.from({ length: 5000 }, (_, id) => ({ id, code: id % 1000 === 7 ? "?" : `c${id}` }));
    const phases: WriteProgress["phase"][] = [];
    const gate = suite("codes", [check.matches("code", "^c[0-9]+$"), check.unique("id")]);
    const error = await refusal(
      table.append(rows, { gate, recordRejection: false, onProgress: ({ phase }) => phases.push(phase) }),
    );
    expect(error.code).toBe("BATCH_REJECTED");
    expect(error.data["gate"]).toMatchObject({
      rows: 5000,
      checks: [{ success: false, unexpected: 5, first: { row: 7, code: "?" } }, { success: true }],
    });
    // it was written up to the failing row, and only then looked through
    expect([...new Set(phases)]).toEqual(["reading", "writing", "checking"]);
    expect(filesBelow(join(folder, "t"))).toEqual(before);
    await table.close();
  });

  it("is refused by what all rows together say, with nothing left behind", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    const gate = suite("few", [check.rowCount({ max: 2 })]);
    const error = await refusal(
      table.append([{ id: 1 }, { id: 2 }, { id: 3 }], { gate, recordRejection: false }),
    );
    expect(error.data["gate"]).toMatchObject({ accepted: false, rows: 3 });
    expect(dataFiles(join(folder, "t"))).toEqual([]);
    await table.close();
  });

  it("is not written first where a check may set rows aside", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").string("code") });
    const phases: WriteProgress["phase"][] = [];
    const gate = suite("codes", [check.matches("code", "^c", { onFail: "quarantine" }), check.notNull("id")]);
    const result = await table.append(
      [
        { id: 1, code: "c" },
        { id: 2, code: "x" },
      ],
      { gate, onProgress: ({ phase }) => phases.push(phase) },
    );
    expect(result).toMatchObject({ rows: 1, gate: { quarantined: 1 } });
    expect(phases.indexOf("checking")).toBeLessThan(phases.indexOf("writing"));
    await table.close();
  });

  it("names the row that breaks a CHECK constraint, in a batch without a gate too", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: schema().long("id").string("code") });
    await table.alter({ addConstraints: { coded: "code LIKE 'c%'" }, upgradeProtocol: true });
    writeFileSync(join(folder, "a.csv"), "id,code\n1,c1\n2,c2\n3,x3\n");
    const error = await refusal(table.append({ csv: join(folder, "a.csv") }));
    expect(error.code).toBe("CONSTRAINT_VIOLATED");
    expect(error.data).toMatchObject({ row: 2 });
    const gate = suite("codes", [check.length("code", { max: 2 })]);
    expect((await refusal(table.append({ csv: join(folder, "a.csv") }, { gate }))).code).toBe(
      "CONSTRAINT_VIOLATED",
    );
    expect((await table.append([{ id: 4, code: "c4" }], { gate })).gate?.checks).toMatchObject([
      { success: true, considered: 1 },
    ]);
    expect(await rowsOf(table)).toMatchObject([{ id: 4n, code: "c4" }]);
    await table.close();
  });

  it("does not believe a source's statistics over what was written", async () => {
    const folder = freshFolder();
    const file = await lyingFile(folder);
    const table = await createTable(join(folder, "t"), { schema: schema().integer("n") });
    for (const onFail of ["reject", "quarantine"] as const) {
      const gate = suite("low", [check.between("n", { min: 0, max: 1000 }, { onFail, id: "low" })]);
      const error = await refusal(table.append({ parquet: file }, { gate }));
      expect({ code: error.code, data: error.data }).toEqual({
        code: "SOURCE_UNREADABLE",
        data: { checks: ["low"] },
      });
    }
    expect(dataFiles(join(folder, "t"))).toEqual([]);
    await table.close();
  });

  it("has keys that differ whatever the source's statistics say of them", async () => {
    const folder = freshFolder();
    const file = await lyingFile(folder);
    const table = await createTable(join(folder, "t"), { schema: schema().integer("n") });
    for (const onFail of ["reject", "quarantine"] as const) {
      const gate = suite("keys", [check.unique("n", { onFail }), check.notNull("n")]);
      const { gate: verdict } = await table.append({ parquet: file }, { gate });
      expect(verdict?.checks).toMatchObject([
        { success: true, considered: 1000, unexpected: 0 },
        { success: true },
      ]);
    }
    await table.close();
  });

  it("is tested before its rows are numbered, as a gate sees no number of an identity column yet", async () => {
    const numbered = schema()
      .long("id", { identity: { start: 1, step: 1 } })
      .string("s");
    const table = await createTable(join(freshFolder(), "t"), { schema: numbered });
    for (const onFail of ["reject", "warn", "quarantine"] as const) {
      const gate = suite("ids", [check.between("id", { min: 100 }, { onFail }), check.matches("s", "^a$")]);
      const { gate: verdict } = await table.append([{ s: "a" }, { s: "a" }], { gate });
      expect(verdict?.checks).toMatchObject([
        { considered: 0, unexpected: 0 },
        { considered: 2, unexpected: 0 },
      ]);
    }
    const error = await refusal(table.append([{ s: "a" }], { gate: suite("ids", [check.notNull("id")]) }));
    expect(error.code).toBe("BATCH_REJECTED");
    await table.close();
  });

  it("is given up where its files do not get to the disk, which the system tells once", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const target = await existingTarget(table.snapshot().log);
    const staged: string[] = [];
    let failure: VarveError | undefined;
    const store: ObjectStore = {
      ...target.context.store,
      stagingFolder: async () => {
        staged.push(await target.context.store.stagingFolder());
        return staged.at(-1) ?? "";
      },
      // the store's own flush of a file that is not there is an error that a real disk gives
      flushFile: async (file) =>
        target.context.store.flushFile?.(`${file}.gone`).catch((error) => {
          failure = error;
          throw error;
        }),
    };
    const gate = suite("few", [check.rowCount({ max: 2 })]);
    const failing = { ...target, context: { ...target.context, store } };
    const tests = writeTests(target.metadata.configuration, { gate });
    const error = await refusal(runPlan(addedRows(failing, { source: [{ id: 1 }], tests })));
    expect(error).toBe(failure);
    expect(error.code).toBe("STORE_UNAVAILABLE");
    expect(staged.map((folder) => existsSync(folder))).toEqual([false]);
    await table.close();
  });

  it("is CANCELLED by a signal that comes while it is tested, with nothing left behind", async () => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    const before = filesBelow(join(folder, "t"));
    for (const onFail of ["reject", "quarantine"] as const) {
      const stopping = new AbortController();
      const stop = (ids: readonly unknown[]) => {
        stopping.abort();
        return ids.map(() => true);
      };
      const gate = suite("stopped", [
        check.predicate("stops", ["id"], (batch) => stop(batch.toArray()), { onFail }),
      ]);
      const error = await refusal(table.append([{ id: 1 }], { gate, signal: stopping.signal }));
      expect(error.code).toBe("CANCELLED");
    }
    expect(filesBelow(join(folder, "t"))).toEqual(before);
    await table.close();
  });

  it("gets the same verdict from the statistics of several files, under names of their own", async () => {
    const folder = freshFolder();
    const files = await oddFiles(folder);
    const columns = schema()
      .long("i")
      .integer("k")
      .string("s")
      .double("d")
      .decimal("m", 38, 4)
      .date("day")
      .timestamp("at");
    const table = await createTable(join(folder, "t"), {
      schema: columns.long("g", { generatedAs: "k + 1" }),
      properties: { "delta.columnMapping.mode": "name" },
    });
    let several = 0;
    for (const [at, file] of files.entries()) {
      const onNull = at % 2 === 0 ? "ignore" : "fail";
      for (const rejects of [(place: number) => place === at, () => false]) {
        const checks = ofFiles.map((make, place) =>
          make({ id: `c${place}`, onNull, onFail: rejects(place) ? "reject" : "warn" }),
        );
        const gate = suite("several", checks);
        const expected = await judged(table, { parquet: file }, gate);
        const written = table.append({ parquet: file }, { gate, targetFileBytes: 100_000 });
        if (expected.accepted) {
          const result = await written;
          expect(plain(result.gate?.checks)).toEqual(plain(expected.checks));
          if (result.filesAdded > 1) several += 1;
        } else
          expect(plain((await refusal(written)).data["gate"])).toEqual(plain(summarizeVerdict(expected)));
      }
    }
    expect(several).toBeGreaterThan(2);
    await table.close();
  });

  it("does not believe a source that denies its nulls", async () => {
    const folder = freshFolder();
    const file = join(folder, "denying.parquet");
    const session = await duckdbEngine.open();
    const values = "SELECT CAST(CASE WHEN i >= 77 THEN i END AS INTEGER) AS n FROM range(1000) AS t(i)";
    await session.execute(
      unchecked(`COPY (${values}) TO '${file}' (FORMAT parquet, COMPRESSION uncompressed)`),
    );
    await session.close();
    const bytes = readFileSync(file);
    const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    // a count of 77 in Thrift's compact form, and a count of none that takes as many bytes
    const [counted, claimed] = [Buffer.from([0x9a, 0x01]), Buffer.from([0x80, 0x00])];
    const at = bytes.indexOf(counted, footer);
    expect(bytes.indexOf(counted, at + 1)).toBe(-1);
    claimed.copy(bytes, at);
    writeFileSync(file, bytes);
    const table = await createTable(join(folder, "t"), { schema: schema().integer("n") });
    const error = await refusal(
      table.append({ parquet: file }, { gate: suite("whole", [check.notNull("n", { id: "whole" })]) }),
    );
    expect({ code: error.code, data: error.data }).toEqual({
      code: "SOURCE_UNREADABLE",
      data: { checks: ["whole"] },
    });
    expect(dataFiles(join(folder, "t"))).toEqual([]);
    await table.close();
  });
});
