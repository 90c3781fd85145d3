import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineRow, OpenSession } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { VarveError } from "../../src/errors.ts";
import { sql } from "../../src/sql/sql.ts";
import type { FuzzOutcome } from "./cases.ts";
import type { Random } from "./random.ts";
import { badCellsOf, type SourceFormat, type Trial } from "./source-format.ts";

const casesPerSession = 50;
/** Seconds of processor time that no case of a few kilobytes takes. */
const mostSeconds = 10;

/** Damaged sources of one format, staged by an engine of their own. */
export class SourceCases {
  readonly #format: SourceFormat;
  readonly #folder: string;
  /** Where each case's input is. */
  readonly file: string;
  #session: OpenSession | undefined;
  #cases = 0;
  #descriptors: number | undefined;

  /** @param folder is empty, and holds nothing but the case's file afterwards */
  constructor(format: SourceFormat, folder: string) {
    this.#format = format;
    this.#folder = folder;
    this.file = join(folder, `source.${format.ending}`);
  }

  /** Damages one source and stages it. @throws anything but a typed error: what fuzzing looks for */
  async run(random: Random): Promise<FuzzOutcome> {
    if (this.#descriptors === undefined) await this.#warmUp();
    return this.#attempt(this.#format.trial(this.file, random));
  }

  /** @throws where files or descriptors are left */
  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = undefined;
    this.#assertNoFiles(true);
  }

  /** Whole sources, each of which is read as its judge does. */
  async #warmUp(): Promise<void> {
    this.#descriptors = Number.POSITIVE_INFINITY;
    try {
      for (const make of this.#format.whole(this.file)) {
        const trial = make();
        const { outcome } = await this.#attempt(trial);
        if (outcome === "refused") throw new Error(`${trial.what}: refused, and not damaged`);
      }
    } finally {
      await this.close();
      this.#descriptors = descriptors();
    }
  }

  async #attempt(trial: Trial): Promise<FuzzOutcome> {
    const share = this.#format.isAlone === true ? 1 : casesPerSession;
    if (this.#cases++ % share === 0 || this.#session === undefined) await this.#renew();
    writeFileSync(this.file, trial.bytes);
    const before = process.cpuUsage();
    const outcome = await this.#stage(trial);
    const { user, system } = process.cpuUsage(before);
    if (user + system > mostSeconds * 1_000_000)
      throw new Error(`${trial.what}: took ${(user + system) / 1_000_000} s of processor time`);
    this.#assertNoFiles(false);
    const open = descriptors();
    const were = this.#descriptors ?? open;
    if (open > were) {
      this.#descriptors = open;
      throw new Error(`${trial.what}: ${open} descriptors are open, ${were} were before`);
    }
    return { what: trial.what, outcome };
  }

  /** A session of its own for some cases. */
  async #renew(): Promise<void> {
    await this.close();
    this.#session = await openSession({
      memoryLimit: 512 * 1024 * 1024,
      threads: 1,
      temporaryFolder: this.#folder,
    });
  }

  #assertNoFiles(isClosed: boolean): void {
    const left = readdirSync(this.#folder, { recursive: true, withFileTypes: true }).filter(
      (entry) => !entry.name.startsWith("source.") && (isClosed || entry.isFile()),
    );
    if (left.length > 0) throw new Error(`left behind: ${left.map(({ name }) => name).join(", ")}`);
  }

  async #stage(trial: Trial): Promise<FuzzOutcome["outcome"]> {
    const session = this.#session;
    if (session === undefined) throw new Error("no session");
    let read: Parameters<Trial["judge"]>[0];
    try {
      read = await this.#read(session, trial);
    } catch (error) {
      const fault = faultOfRefusal(error, this.file, trial);
      if (fault === undefined) return "refused";
      throw new Error(`${trial.what}: ${fault}: ${error instanceof Error ? error.stack : String(error)}`, {
        cause: error,
      });
    }
    const difference = await trial.judge(read);
    if (difference !== undefined) throw new Error(`${trial.what}: silently changed: ${difference}`);
    return "answered";
  }

  async #read(session: OpenSession, trial: Trial): Promise<Parameters<Trial["judge"]>[0]> {
    const staged = await session.stage(trial.source, trial.options);
    const bad = staged.positionColumns.badCells;
    const select = bad === undefined ? staged.sql : staged.positionedSql;
    const rows: readonly EngineRow[] = await session.rows(sql`SELECT * FROM (${select}) LIMIT 5000`);
    const badCells = rows.map((row) => badCellsOf(bad === undefined ? null : row[bad]));
    return { columns: staged.columns, rows, badCells };
  }
}

const ownSql = /__varve|read_csv|read_parquet|parquet_schema|TRY_CAST|regexp_|struct_extract|\bSELECT\b/;

/** What is wrong with the way in which a source is refused. */
function faultOfRefusal(error: unknown, file: string, trial: Trial): string | undefined {
  if (!(error instanceof VarveError)) return "not a typed error";
  const { code, message, data } = error;
  if (ownSql.test(message)) return `${code} shows varve's own SQL`;
  if (code === "SCHEMA_MISMATCH") return data["column"] === undefined ? `${code} names no column` : undefined;
  if (code !== "SOURCE_UNREADABLE") return `ends in ${code}`;
  if (!("files" in trial.source || "file" in trial.source)) return undefined;
  return message.includes(file) && data["file"] === file ? undefined : `${code} does not name the file`;
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
