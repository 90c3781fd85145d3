import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { planScan, type ScanOptions } from "../../src/table/scan/scan.ts";
import { unchecked } from "../support/unchecked-sql.ts";

/** A table whose log a test writes itself, action by action. */
export class HandMadeTable {
  readonly folder = mkdtempSync(join(tmpdir(), "varve-hand-made-"));
  #version = 0;

  /** Writes the next commit. */
  commit(...actions: readonly object[]): number {
    const file = join(this.folder, "_delta_log", `${String(this.#version).padStart(20, "0")}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actions.map((action) => `${JSON.stringify(action)}\n`).join(""));
    return this.#version++;
  }

  /** Commits protocol and metadata. */
  create(
    fields: readonly object[],
    options: {
      partitionColumns?: readonly string[];
      configuration?: object;
      features?: readonly string[];
    } = {},
  ): void {
    const { partitionColumns = [], configuration = {}, features } = options;
    const protocol =
      features === undefined
        ? { minReaderVersion: 1, minWriterVersion: 4 }
        : { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: features, writerFeatures: features };
    const schemaString = JSON.stringify({ type: "struct", fields });
    const metaData = {
      id: "11111111-1111-4111-8111-111111111111",
      format: { provider: "parquet", options: {} },
      schemaString,
      partitionColumns,
      configuration,
    };
    this.commit({ protocol }, { metaData });
  }

  /** Writes rows of a query as a Parquet file and returns its add action. */
  async add(
    session: Session,
    path: string,
    sql: string,
    more: object = {},
  ): Promise<{ add: { path: string; size: number } & Record<string, unknown> }> {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    await session.execute(unchecked(`COPY (${sql}) TO ${quoteText(file)} (FORMAT parquet)`));
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    return {
      add: {
        path: encoded,
        partitionValues: {},
        size: statSync(file).size,
        modificationTime: 0,
        dataChange: true,
        ...more,
      },
    };
  }

  context(): Promise<TableContext> {
    return openContext(this.folder);
  }

  async snapshot(version?: number): Promise<LogSnapshot> {
    return openLog(await this.context(), version === undefined ? {} : { version });
  }

  /** All rows, read through the scan. */
  async rows(session: Session, options: ScanOptions = {}) {
    const scan = await planScan(session, await this.snapshot(), options);
    return session.rows(unchecked(`SELECT * FROM (${scan.sql}) ORDER BY ALL`));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A field of a Delta schema. */
export function field(name: string, type: unknown, metadata: object = {}): object {
  return { name, type, nullable: true, metadata };
}

/** An engine session for tests, with what it takes to close it. */
export const newSession = (): Promise<Session> => openSession();
