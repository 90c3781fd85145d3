import { createHash } from "node:crypto";
import stringify from "fast-json-stable-stringify";
import { unreadableBaseline } from "../baselines/baseline-errors.ts";
import { conditionOver } from "../dialects/row-condition.ts";
import type {
  Engine,
  EngineColumn,
  FencedSession,
  OpenSession,
  Relation,
  StagedRelation,
} from "../engine/core/contract.ts";
import { assertInternal, VarveError } from "../errors.ts";
import { stateFingerprint } from "../fingerprint/state-fingerprint.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { pinOfFolder } from "../pins/reading/pin-name.ts";
import { pinOfVersion } from "../pins/reading/pin-of-version.ts";
import { sql } from "../sql/sql.ts";
import { packageVersion } from "../util/package-version.ts";
import type { World } from "../util/world.ts";
import { type FetchServices, withFetchedFiles } from "../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import { baselineOfRows, type ComparedSides } from "./comparison/compared-baseline.ts";
import type { DriftDefinition } from "./comparison/definition.ts";
import type { DriftRecord, DriftReport, DriftSide } from "./comparison/drift-record.ts";
import { draftOf, judgedDrafts, ranked } from "./comparison/judge.ts";
import type { Multivariate } from "./comparison/multivariate-record.ts";
import { withMetrics } from "./comparison/plug-in-metrics.ts";
import { summarized } from "./comparison/report-summary.ts";
import { leafNamed, slicingsOf } from "./comparison/slices.ts";
import type { Subject } from "./comparison/subject.ts";
import { type SideRows, type Split, subjectsOf } from "./comparison/subjects.ts";
import { type Windows, windowsOf } from "./comparison/windows.ts";
import { multivariateOf } from "./multivariate/multivariate.ts";
import { type Leaf, leavesOf } from "./profile/leaves.ts";
import { narrowOf, rowsWith, type SelectedRows } from "./profile/side-rows.ts";

/** A side of a comparison: rows, and what a report calls them. */
export interface DriftInput {
  readonly source: WriteSource;
  readonly name: string;
}

export interface DriftServices extends FetchServices {
  readonly engine: Engine;
  readonly world: World;
}

/**
 * Compares two sides column by column.
 *
 * @throws `BASELINE_UNREADABLE`, `BASELINE_IS_CURRENT`, `COLUMN_NOT_FOUND`, `SQL_REFUSED`, `SQL_FAILED`,
 * `LIMIT_EXCEEDED`, errors of the sources
 */
export async function drift(
  baseline: DriftInput,
  current: DriftInput,
  definition: DriftDefinition,
  services: DriftServices,
): Promise<DriftReport> {
  refuseSameVersion(baseline, current);
  const versions = {
    baseline: await unreadableBaseline(baseline.source, () => versionOf(baseline)),
    current: await versionOf(current),
  };
  const requests = sideRequests(definition, versions);
  return withFetchedFiles(baseline.source, services, (before) =>
    withFetchedFiles(current.source, services, async (after) => {
      await using session = await services.engine.open({ signal: services.signal, stopsQueries: true });
      await session.keepFooters();
      const staged = {
        baseline: await unreadableBaseline(baseline.source, () =>
          stageSide(session, before.source, services),
        ),
        current: await stageSide(session, after.source, services),
      };
      const files = [...staged.baseline.files, ...staged.current.files];
      const fenced = await session.fence({ files });
      const sides = {
        baseline: await openSide(fenced, staged.baseline.relation, requests.baseline),
        current: await openSide(fenced, staged.current.relation, requests.current),
      };
      const rows = {
        // The first that is read of the baseline are the footers of all of its files.
        baseline: await unreadableBaseline(baseline.source, () => rowsOf(fenced, sides.baseline)),
        current: await rowsOf(fenced, sides.current),
      };
      const { records, multivariate } = await compareSides(fenced, { sides, rows }, definition);
      return summarized(records, {
        ...(multivariate === undefined ? {} : { multivariate }),
        run_id: services.world.uuid(),
        at: new Date(services.world.now()).toISOString(),
        definition_hash: hashOf(definition),
        code_version: packageVersion(),
        table_id: tableOf(current.source)?.metadata.id ?? null,
        baseline: sideOf(baseline, versions.baseline, rows.baseline),
        current: sideOf(current, versions.current, rows.current),
      });
    }),
  );
}

/** Stages a side in a session that is not fenced yet. */
export async function stageSide(
  session: OpenSession,
  source: WriteSource,
  { signal, onProgress }: DriftServices,
) {
  onProgress?.({ phase: "reading" });
  return await stageWriteSource(session, source, { signal });
}

/** A side of a run. */
interface Side extends SelectedRows {
  readonly columns: readonly EngineColumn[];
  readonly leaves: readonly Leaf[];
}

interface SideRequest extends Pick<DriftDefinition, "where"> {
  /** In milliseconds since 1970. */
  readonly committedAt?: number | undefined;
}

/** Ages of times are measured if both sides are versions; rows of past windows are older by nature. */
function sideRequests(
  { where, window }: DriftDefinition,
  { baseline, current }: { readonly baseline: SideVersion | null; readonly current: SideVersion | null },
): { readonly baseline: SideRequest; readonly current: SideRequest } {
  if (window !== undefined || baseline === null || current === null)
    return { baseline: { where }, current: { where } };
  return {
    baseline: { where, committedAt: baseline.committedAt },
    current: { where, committedAt: current.committedAt },
  };
}

/** The rows of a side that the definition asks for; ages of times are measured if it says when they were committed. */
export async function openSide(
  session: FencedSession,
  relation: Relation & Pick<StagedRelation, "narrow">,
  { where, committedAt }: SideRequest,
): Promise<Side> {
  const { columns } = relation;
  const condition = where === undefined ? undefined : await conditionOver(session, where, columns);
  const select =
    condition === undefined ? relation.sql : sql`SELECT * FROM (${relation.sql}) WHERE ${condition}`;
  return { select, narrow: narrowOf(relation, select), columns, leaves: leavesOf(columns, committedAt) };
}

interface Sides {
  readonly baseline: Side;
  readonly current: Side;
}

async function compareSides(
  session: FencedSession,
  {
    sides,
    rows,
  }: { readonly sides: Sides; readonly rows: { readonly baseline: number; readonly current: number } },
  definition: DriftDefinition,
): Promise<{ readonly records: DriftRecord[]; readonly multivariate?: Multivariate }> {
  const sideRows: SideRows = {
    baseline: { ...sides.baseline, rows: rows.baseline },
    current: { ...sides.current, rows: rows.current },
  };
  const slicings = await slicingsOf(session, sides, { by: definition.by, conditions: definition.slices });
  const windows = await windowsOfSide(session, sides.current, definition);
  const compared = { ...sideRows, baseline: baselineOfRows(session, sideRows.baseline) };
  const split = { definition, slicings, windows };
  const { records: judged, subjects } = await judgedSubjects(session, compared, split);
  const records = ranked(
    await withFigures(session, { sides: sideRows, subjects, records: judged }, definition),
  );
  const { multivariate: methods = [] } = definition;
  if (methods.length === 0) return { records };
  return { records, multivariate: await multivariateOf(session, { sides: sideRows, subjects }, methods) };
}

/** The windows of the current side, if the definition has some. */
export async function windowsOfSide(
  session: FencedSession,
  { leaves, select }: Pick<Side, "leaves" | "select">,
  { window }: Pick<DriftDefinition, "window">,
): Promise<Windows | undefined> {
  if (window === undefined) return undefined;
  return await windowsOf(session, { leaf: leafNamed(leaves, window.column), select }, window);
}

/** The columns of a run with their records. */
export interface JudgedSubjects {
  readonly records: readonly DriftRecord[];
  /** In the order of the records; none unless metrics, methods or figures of several columns need them. */
  readonly subjects: readonly Subject[];
}

/** Compares and judges the columns of both sides, and keeps no counts that nothing will ask for. */
export async function judgedSubjects(
  session: FencedSession,
  sides: ComparedSides,
  split: Split,
): Promise<JudgedSubjects> {
  const { definition } = split;
  const { metrics, method, methods, multivariate = [] } = definition;
  const areNeeded = multivariate.length > 0 || [metrics, method, methods].some((it) => it !== undefined);
  const kept = await subjectsOf(session, sides, split, (subject) => ({
    draft: draftOf(subject, definition),
    subject: areNeeded ? subject : undefined,
  }));
  const drafts = kept.map(({ draft }) => draft);
  const subjects = kept.flatMap(({ subject }) => subject ?? []);
  return { records: judgedDrafts(drafts, definition), subjects };
}

/** Records with what methods and metrics of the caller add. */
async function withFigures(
  session: FencedSession,
  { records: judged, ...compared }: JudgedSubjects & { readonly sides: SideRows },
  definition: DriftDefinition,
): Promise<readonly DriftRecord[]> {
  const { method, methods } = definition;
  let records = judged;
  if (method !== undefined || methods !== undefined) {
    const { withMethods } = await import("./methods/methods.ts");
    records = await withMethods(session, { ...compared, records }, definition);
  }
  return measured({ records, subjects: compared.subjects }, definition);
}

/** Records with the figures of the caller's metrics. */
export function measured(
  { records, subjects }: JudgedSubjects,
  { metrics }: Pick<DriftDefinition, "metrics">,
): readonly DriftRecord[] {
  if (metrics === undefined) return records;
  return records.map((record, index) => withMetrics(record, subjectAt(subjects, index), metrics));
}

function subjectAt(subjects: readonly Subject[], index: number): Subject {
  const subject = subjects[index];
  assertInternal(subject !== undefined, "a subject for each record");
  return subject;
}

/** The number of rows of a side. */
export async function rowsOf(session: FencedSession, side: SelectedRows): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${rowsWith(side, [])})`);
  return Number(row?.["n"] ?? 0);
}

/** The snapshot that a source is, if it is one. */
export function tableOf(source: WriteSource): LogSnapshot | undefined {
  return typeof source === "object" && source !== null && "context" in source && "version" in source
    ? source
    : undefined;
}

function refuseSameVersion(baseline: DriftInput, current: DriftInput): void {
  const [before, after] = [tableOf(baseline.source), tableOf(current.source)];
  if (before === undefined || after === undefined) return;
  const isSame = before.metadata.id === after.metadata.id && before.version === after.version;
  if (!isSame || before.context.store.uri !== after.context.store.uri) return;
  throw new VarveError(
    "BASELINE_IS_CURRENT",
    `Version ${after.version} of ${after.context.store.uri} would be compared with itself. Choose an earlier version, or a pin, as the baseline.`,
    { uri: after.context.store.uri, version: after.version },
  );
}

/** What a side is a version of: a table's own, or one that a pin keeps. */
interface SideVersion {
  readonly version: number;
  readonly pin: string | null;
  /** Of the version's state, which the log alone tells. */
  readonly fingerprint: string;
  /** In milliseconds since 1970. */
  readonly committedAt: number;
}

export async function versionOf({ source }: DriftInput): Promise<SideVersion | null> {
  const snapshot = tableOf(source);
  if (snapshot === undefined) return null;
  const { pin } = (await pinOfVersion(snapshot)) ?? {};
  if (pin === undefined) {
    const { version, timestamp } = snapshot;
    return { version, pin: null, fingerprint: await stateFingerprint(snapshot), committedAt: timestamp };
  }
  const { version, name, fingerprint, timestamp } = pin;
  return { version, pin: name, fingerprint, committedAt: timestamp.getTime() };
}

export function sideOf({ name }: Pick<DriftInput, "name">, of: SideVersion | null, rows: number): DriftSide {
  const { version = null, pin = null, fingerprint = null } = of ?? {};
  // A pin that was opened by its folder has a name that ends in the folder and @v0.
  const folder = pin === null ? undefined : pinOfFolder(name.slice(0, name.lastIndexOf("@")));
  const source = folder === undefined ? name : `${folder.table}@${pin}`;
  return { source, version, pin, fingerprint, scope: "table", window: null, rows };
}

/** The hash of a definition, which records name. */
export function hashOf(definition: DriftDefinition): string {
  const { metrics, ...rest } = definition;
  const hashed = metrics === undefined ? rest : { ...rest, metrics: Object.keys(metrics).sort() };
  return `sha256:${createHash("sha256").update(stringify(hashed)).digest("hex")}`;
}
