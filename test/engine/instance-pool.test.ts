import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EngineRow, OpenSession, SessionOptions } from "../../src/engine/core/contract.ts";
import { sql } from "../../src/sql/sql.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let folder: string;
let open: OpenSession[];
let openSession: (options?: SessionOptions) => Promise<OpenSession>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "instance pool "));
  open = [];
  // Modules of its own: what other tests left idle counts against the limit.
  vi.resetModules();
  ({ openSession } = await import("../../src/engine/session/session.ts"));
});

afterEach(async () => {
  for (const session of open) await session.close();
  rmSync(folder, { recursive: true, force: true });
});

async function session(options: { readonly threads?: number } = {}): Promise<OpenSession> {
  const opened = await openSession({ temporaryFolder: folder, threads: 1, ...options });
  open.push(opened);
  return opened;
}

/** How many sessions the instance of a session had before it. */
async function sessionsBefore(one: OpenSession): Promise<number> {
  const [row] = await one.rows(sql`SELECT current_database() AS name`);
  return Number(String(row?.["name"]).replace("varve_", ""));
}

/** Everything that a session could leave to the next one. */
async function surroundings(one: OpenSession): Promise<EngineRow[][]> {
  return [
    await one.rows(sql`SELECT name, value FROM duckdb_settings() WHERE name != 'search_path' ORDER BY name`),
    await one.rows(sql`SELECT table_name FROM duckdb_tables()`),
    await one.rows(sql`SELECT view_name FROM duckdb_views() WHERE NOT internal`),
    await one.rows(sql`SELECT schema_name FROM duckdb_schemas() WHERE NOT internal`),
    await one.rows(sql`SELECT sequence_name FROM duckdb_sequences()`),
    await one.rows(sql`SELECT type_name FROM duckdb_types() WHERE NOT internal`),
    await one.rows(sql`SELECT function_name FROM duckdb_functions() WHERE NOT internal`),
    await one.rows(sql`SELECT name FROM duckdb_variables()`),
    await one.rows(sql`SELECT name FROM duckdb_secrets()`),
    await one.rows(sql`SELECT name FROM duckdb_prepared_statements()`),
    await one.rows(sql`SELECT count(*) AS n FROM duckdb_databases() WHERE NOT internal`),
  ];
}

describe("a session after another one", () => {
  it("gets its instance, and finds nothing that the other one made or set", async () => {
    const first = await session();
    const before = await surroundings(first);
    await first.execute(sql`CREATE TABLE kept AS SELECT 1 AS a; CREATE TEMP TABLE passing AS SELECT 1 AS a; CREATE VIEW seen AS SELECT * FROM kept;
      CREATE SCHEMA more; CREATE SEQUENCE counter; CREATE TYPE mood AS ENUM ('good'); CREATE MACRO twice(x) AS 2 * x;
      CREATE TEMP MACRO thrice(x) AS 3 * x; SET VARIABLE secret = 'hunter2'; SET parquet_metadata_cache = true; SET search_path = 'more';
      PREPARE again AS SELECT 1`);
    await first.close();
    const second = await session();
    expect(await sessionsBefore(second)).toBe(1);
    expect(await surroundings(second)).toEqual(before);
    await expect(second.rows(sql`SELECT * FROM kept`)).rejects.toMatchObject({ code: "SQL_FAILED" });
  });

  it("reads a file anew that was replaced meanwhile by one of the same size", async () => {
    const file = join(folder, "numbers.parquet");
    const read = async () => {
      const one = await session();
      const rows = await one.rows(unchecked(`SELECT sum(a)::INTEGER AS sum FROM read_parquet('${file}')`));
      await one.close();
      return rows;
    };
    const write = async (value: number) => {
      const one = await session();
      await one.execute(
        unchecked(`COPY (SELECT ${value} AS a FROM range(10)) TO '${file}' (FORMAT parquet)`),
      );
      await one.close();
    };
    await write(1);
    expect(await read()).toEqual([{ sum: 10 }]);
    await write(2);
    expect(await read()).toEqual([{ sum: 20 }]);
  });

  it("shares nothing with one that is open still", async () => {
    const first = await session();
    await first.execute(sql`CREATE TABLE mine AS SELECT 1 AS a`);
    const second = await session();
    await second.execute(sql`CREATE TABLE mine AS SELECT 2 AS a`);
    expect(await first.rows(sql`SELECT a FROM mine`)).toEqual([{ a: 1 }]);
    expect(await second.rows(sql`SELECT a FROM mine`)).toEqual([{ a: 2 }]);
  });

  it("gets another instance for other options", async () => {
    await (await session()).close();
    const other = await session({ threads: 2 });
    expect(await sessionsBefore(other)).toBe(0);
    expect(await other.rows(sql`SELECT current_setting('threads')::INTEGER AS threads`)).toEqual([
      { threads: 2 },
    ]);
  });

  it("decodes variants whichever of them asked for it first", async () => {
    for (let round = 0; round < 2; round++) {
      const one = await session();
      one.enableVariants();
      expect(
        await one.rows(sql`SELECT varve_variant_json('\\x01\\x00\\x00'::BLOB, '\\x04'::BLOB) AS json`),
      ).toEqual([{ json: "true" }]);
      await one.close();
    }
  });
});

describe("an instance is not used again", () => {
  it("after it was fenced, often enough for a spare to be ready", async () => {
    const secret = join(folder, "secret.csv");
    writeFileSync(secret, "a\n1\n");
    for (let round = 0; round < 4; round++) {
      const one = await session();
      expect(await sessionsBefore(one)).toBe(0);
      expect(await one.rows(unchecked(`SELECT * FROM read_csv('${secret}')`))).toEqual([{ a: 1n }]);
      await one.fence({ files: [] });
      await expect(one.rows(unchecked(`SELECT * FROM read_csv('${secret}')`))).rejects.toMatchObject({
        code: "SQL_REFUSED",
      });
      await one.close();
    }
  });

  it("after a statement of it failed", async () => {
    const first = await session();
    await expect(first.rows(sql`SELECT error('broken')`)).rejects.toMatchObject({ code: "SQL_FAILED" });
    await first.close();
    expect(await sessionsBefore(await session())).toBe(0);
  });

  it("while a stream of it is still being read", async () => {
    const first = await session();
    const rows = first.rowStream(sql`SELECT range AS a FROM range(1000000)`)[Symbol.asyncIterator]();
    await rows.next();
    await first.close();
    expect(await sessionsBefore(await session())).toBe(0);
  });

  it("after it has spilled, whose folder is gone", async () => {
    const small = await openSession({ temporaryFolder: folder, threads: 1, memoryLimit: 64 * 1024 * 1024 });
    await small.execute(sql`CREATE TABLE large AS SELECT range AS a, hash(range) AS b FROM range(8000000)`);
    expect(readdirSync(folder)).toHaveLength(1);
    await small.close();
    expect(readdirSync(folder)).toEqual([]);
    const next = await openSession({ temporaryFolder: folder, threads: 1, memoryLimit: 64 * 1024 * 1024 });
    open.push(next);
    expect(await sessionsBefore(next)).toBe(0);
  });
});

it("an idle instance does not keep the process alive, and leaves no file", () => {
  const module = new URL("../../src/engine/session/session.ts", import.meta.url).href;
  const script = `const { openSession } = await import(${JSON.stringify(module)});
    const session = await openSession({ temporaryFolder: ${JSON.stringify(folder)} });
    await session.close();
    console.log(JSON.stringify(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout")));`;
  const loader = import.meta.resolve("tsx");
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const run = spawnSync(process.execPath, ["--import", loader, "--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: root,
  });
  expect(run.stderr).toBe("");
  expect(run.stdout.trim()).toBe("[]");
  expect(readdirSync(folder)).toEqual([]);
});
