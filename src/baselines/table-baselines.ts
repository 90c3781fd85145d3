import { conditionOver } from "../dialects/row-condition.ts";
import { type BaselineProfile, baselineProfile } from "../drift/profile/baseline-profile.ts";
import { type Leaf, leavesOf } from "../drift/profile/leaves.ts";
import type { EngineColumn, OpenSession, Session } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { type Evaluation, evaluateRelation } from "../performance/evaluation/evaluate.ts";
import { openPin } from "../pins/reading/open-pin.ts";
import type { Baselines } from "../quality/gate/gate-context.ts";
import { type BaselineTable, baselineText } from "../quality/model/baseline.ts";
import { thisTable } from "../quality/model/expectation.ts";
import { invalidSuite } from "../quality/model/invalid.ts";
import { foldName } from "../schema/schema-json.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { planScan } from "../table/scan/scan.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import { VersionCache } from "./baseline-cache.ts";
import { unreadableBaseline } from "./baseline-errors.ts";

/** Tables that a batch may be compared with. */
export interface BaselineTables {
  /** The table that the batch is for, as it is before the batch; absent where it does not exist yet. */
  readonly target?: LogSnapshot | undefined;
  /** What the rows are compared with where no baseline is named; default: `target`. `nothing`: no table exists yet. */
  readonly before?: (() => Promise<LogSnapshot>) | "nothing" | undefined;
  /** Others by the names that suites use. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const profiles = new VersionCache<BaselineProfile>();
const evaluations = new VersionCache<Evaluation>();

/**
 * Counts and evaluates versions for the checks of a suite, each version once in a process: a pinned baseline is not read
 * again for each batch.
 */
export function tableBaselines(tables: BaselineTables): Baselines {
  const { signal } = tables;
  return {
    profile: async (baseline, { columns, where }) => {
      const snapshot = await snapshotOf(baseline, tables);
      if (snapshot === undefined) return undefined;
      const key = keyOf(snapshot, [[...columns].sort(), where ?? null]);
      return profiles.get(key, () =>
        readRows(snapshot, where, signal, async (session, { select, columns: all }) => {
          const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${select})`);
          const rows = Number(row?.["n"] ?? 0);
          return baselineProfile(session, { select, rows }, chosen(leavesOf(all), columns));
        }),
      );
    },
    evaluation: async (baseline, request, where) => {
      const snapshot = await snapshotOf(baseline, tables);
      if (snapshot === undefined) return undefined;
      const key = keyOf(snapshot, [toJsonValue(request), where ?? null]);
      return evaluations.get(key, () =>
        readRows(snapshot, where, signal, (session, { select, columns }) =>
          evaluateRelation(session, { sql: select, columns }, request),
        ),
      );
    },
  };
}

/** The leaves of names; those of fields of a struct by the name of the struct, too. */
function chosen(leaves: readonly Leaf[], names: readonly string[]): Leaf[] {
  const wanted = names.map(foldName);
  return leaves.filter(({ name }) => {
    const folded = foldName(name);
    return wanted.length === 0 || wanted.some((own) => folded === own || folded.startsWith(`${own}.`));
  });
}

/** A version of a table names its rows, whatever becomes of the table. */
function keyOf({ context, metadata, version }: LogSnapshot, rest: readonly unknown[]): string {
  return stringifyJson([context.store.uri, metadata.id, version, toJsonValue(rest)]);
}

async function snapshotOf(baseline: BaselineTable, of: BaselineTables): Promise<LogSnapshot | undefined> {
  const { target, before, tables, signal } = of;
  if (baseline.kind === "before") {
    if (before === "nothing") return undefined;
    const version = before === undefined ? target : await before();
    if (version !== undefined) return version;
  }
  if (baseline.kind === "table") {
    const named = tables?.[baseline.table] ?? (baseline.table === thisTable ? target : undefined);
    if (named !== undefined || baseline.table === thisTable) return named;
    throw invalidSuite(
      "params.baseline",
      `unknown table "${baseline.table}"`,
      "Bind the name to a table when you run the suite",
    );
  }
  if (target === undefined || baseline.kind === "before")
    throw invalidSuite(
      "params.baseline",
      `is ${baselineText(baseline)}, and there is no table that could have it`,
      "Name the table that the rows are for (--table)",
    );
  return baseline.kind === "pin"
    ? (await openPin(target.context, baseline.pin)).log
    : openLog(target.context, { version: baseline.version, signal });
}

interface Rows {
  readonly select: SqlSelect;
  readonly columns: readonly EngineColumn[];
}

/** Reads a version in a session of its own, which is fenced if rows are selected by SQL of a suite. */
async function readRows<T>(
  snapshot: LogSnapshot,
  where: string | undefined,
  signal: AbortSignal | undefined,
  work: (session: Session, rows: Rows) => Promise<T>,
): Promise<T> {
  return unreadableBaseline(snapshot, async () => {
    await using session = await (await snapshot.context.engine()).open({ signal, stopsQueries: true });
    const relation = await planScan(session, snapshot, { signal });
    const { files, columns, sql: all } = relation;
    const select =
      where === undefined ? all : await filtered(session, { select: all, columns }, { where, files });
    return await work(session, { select, columns });
  });
}

async function filtered(
  session: OpenSession,
  { select, columns }: Rows,
  { where, files }: { readonly where: string; readonly files: readonly string[] },
): Promise<SqlSelect> {
  const fenced = await session.fence({ files });
  return sql`SELECT * FROM (${select}) WHERE ${await conditionOver(fenced, where, columns)}`;
}
