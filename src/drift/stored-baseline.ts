import { unreadableBaseline } from "../baselines/baseline-errors.ts";
import { VarveError } from "../errors.ts";
import type { Dialect } from "../quality/model/dialect.ts";
import { duckdbDialect } from "../quality/model/dialect-duckdb.ts";
import { sparkDialect } from "../quality/model/dialect-spark.ts";
import { foldName } from "../schema/schema-json.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { optionText } from "../util/option-text.ts";
import { packageVersion } from "../util/package-version.ts";
import type { World } from "../util/world.ts";
import { withFetchedFiles } from "../write/plan/fetched-source.ts";
import { subjectOf } from "./comparison/against-profile.ts";
import { baselineOfProfile } from "./comparison/compared-baseline.ts";
import { CountsFault, type CountsRow, countedElsewhere } from "./comparison/counted-elsewhere.ts";
import { countsSql } from "./comparison/counts-sql.ts";
import type { DriftDefinition } from "./comparison/definition.ts";
import type { DriftReport, DriftSide } from "./comparison/drift-record.ts";
import { judge, ranked } from "./comparison/judge.ts";
import { summarized } from "./comparison/report-summary.ts";
import { leafNamed } from "./comparison/slices.ts";
import { plainSubject } from "./comparison/subjects.ts";
import {
  type DriftInput,
  type DriftServices,
  hashOf,
  judgedSubjects,
  measured,
  openSide,
  rowsOf,
  sideOf,
  stageSide,
  tableOf,
  versionOf,
  windowsOfSide,
} from "./drift.ts";
import { type BaselineProfile, baselineProfile } from "./profile/baseline-profile.ts";
import type { Leaf } from "./profile/leaves.ts";
import { profileJson, profileOfJson } from "./profile/profile-json.ts";

/** Which rows and columns are counted. */
export type BaselineRequest = Pick<DriftDefinition, "columns" | "exclude" | "where">;

/**
 * The bins of a source's columns and its counts in them, as JSON.
 *
 * @throws `BASELINE_UNREADABLE`, `COLUMN_NOT_FOUND`, `SQL_REFUSED`, `SQL_FAILED`, errors of the source
 */
export async function storedBaseline(
  { source }: DriftInput,
  request: BaselineRequest,
  services: DriftServices,
): Promise<JsonObject> {
  return withFetchedFiles(source, services, async (fetched) => {
    await using session = await services.engine.open({ signal: services.signal, stopsQueries: true });
    const staged = await unreadableBaseline(source, () => stageSide(session, fetched.source, services));
    const fenced = await session.fence({ files: staged.files });
    const side = await openSide(fenced, staged.relation, request);
    const rows = await unreadableBaseline(source, () => rowsOf(fenced, side));
    const baseline = { ...side, rows };
    const leaves = chosenLeaves(side.leaves, request);
    const counted = new Set(leaves);
    const leftOut = side.leaves.filter((leaf) => !counted.has(leaf)).map(({ name }) => name);
    return profileJson({ ...(await baselineProfile(fenced, baseline, leaves)), leftOut });
  });
}

function chosenLeaves(leaves: readonly Leaf[], { columns, exclude }: BaselineRequest): Leaf[] {
  const named = (names: readonly string[]) =>
    new Set(
      names.flatMap((name) => {
        const below = leaves.filter((leaf) => foldName(leaf.name).startsWith(`${foldName(name)}.`));
        return below.length > 0 ? below : [leafNamed(leaves, name)];
      }),
    );
  const [wanted, left] = [columns.length === 0 ? new Set(leaves) : named(columns), named(exclude)];
  return leaves.filter((leaf) => wanted.has(leaf) && !left.has(leaf));
}

/** A baseline as JSON, and what a report calls it. */
export interface StoredInput {
  readonly json: JsonValue;
  readonly name: string;
}

/**
 * Compares a side with a stored baseline, whose rows are not read.
 *
 * @throws `INVALID_ARGUMENT` for what is no baseline, `ROWS_NEEDED`, `COLUMN_NOT_FOUND`, `SQL_REFUSED`, `SQL_FAILED`,
 * `LIMIT_EXCEEDED`, errors of the source
 */
export async function driftFromStored(
  { json, name }: StoredInput,
  current: DriftInput,
  definition: DriftDefinition,
  services: DriftServices,
): Promise<DriftReport> {
  const baseline = baselineOfProfile(profileOf(json));
  refuseWithoutRows(definition);
  const version = await versionOf(current);
  return withFetchedFiles(current.source, services, async (fetched) => {
    await using session = await services.engine.open({ signal: services.signal, stopsQueries: true });
    await session.keepFooters();
    const staged = await stageSide(session, fetched.source, services);
    const fenced = await session.fence({ files: staged.files });
    const side = await openSide(fenced, staged.relation, definition);
    const rows = await rowsOf(fenced, side);
    const windows = await windowsOfSide(fenced, side, definition);
    const sides = { baseline, current: { ...side, rows } };
    const judged = await judgedSubjects(fenced, sides, { definition, slicings: [], windows });
    const records = ranked(measured(judged, definition));
    return summarized(records, {
      ...aboutRun(definition, services.world),
      table_id: tableOf(current.source)?.metadata.id ?? null,
      baseline: storedSide(name, baseline.rows),
      current: sideOf(current, version, rows),
    });
  });
}

/** Options that ask for rows of the baseline, with what they need them for. */
const neededFor = {
  by: "slices are counted on both sides",
  slices: "slices are counted on both sides",
  multivariate: "figures of several columns read the rows of both sides",
  method: "methods read the rows of both sides",
  methods: "methods read the rows of both sides",
} as const satisfies { readonly [Option in keyof DriftDefinition]?: string };

function refuseWithoutRows(definition: DriftDefinition): void {
  for (const [option, why] of Object.entries(neededFor) as [keyof typeof neededFor, string][]) {
    const value = definition[option];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw new VarveError(
      "ROWS_NEEDED",
      `A stored baseline has counts and no rows, and ${why}. Leave out ${optionText(option)}, or compare with the rows of the baseline.`,
      { verb: "drift", option },
    );
  }
}

const dialects: Readonly<Record<"spark" | "duckdb", Dialect>> = {
  spark: sparkDialect,
  duckdb: duckdbDialect,
};

/**
 * SQL of an engine that counts a relation's rows in the bins of a stored baseline.
 *
 * @throws `INVALID_ARGUMENT` for what is no baseline, and for intervals, which other engines have not
 */
export function countsStatement(baseline: JsonValue, relation: string, dialect: "spark" | "duckdb"): string {
  const profile = profileOf(baseline);
  const interval = profile.measures.find(({ leaf }) => leaf.type === "INTERVAL");
  if (interval === undefined) return countsSql(profile, relation, dialects[dialect]);
  const { name } = interval.leaf;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Column ${name} has intervals, which cannot be counted in another engine. Leave it out of the baseline (exclude).`,
    { option: "baseline", column: [name] },
  );
}

/**
 * Compares a side that another engine has counted with the stored baseline.
 *
 * @param rows the answer to {@link countsStatement}
 * @throws `INVALID_ARGUMENT` for rows that are no answer to the SQL of this baseline
 */
export function driftOfStored(
  baseline: JsonValue,
  { rows, name }: { readonly rows: readonly CountsRow[]; readonly name: string },
  definition: DriftDefinition,
  world: World,
): DriftReport {
  const profile = profileOf(baseline);
  const counted = countedOf(profile, rows);
  const subjects = counted.map((measure) =>
    subjectOf(measure, profile, { ...plainSubject(measure.measure.leaf, definition), slice: null }),
  );
  const all = counted[0]?.rows ?? 0;
  return summarized(judge(subjects, definition), {
    ...aboutRun(definition, world),
    table_id: null,
    baseline: storedSide("stored baseline", profile.rows),
    current: storedSide(name, all),
  });
}

function aboutRun(definition: DriftDefinition, world: World) {
  return {
    run_id: world.uuid(),
    at: new Date(world.now()).toISOString(),
    definition_hash: hashOf(definition),
    code_version: packageVersion(),
  };
}

function countedOf(profile: BaselineProfile, rows: readonly CountsRow[]) {
  try {
    return countedElsewhere(profile, rows);
  } catch (error) {
    if (!(error instanceof CountsFault)) throw error;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The counts do not belong to the baseline: ${error.message}. Run the SQL of driftCountsSql for this baseline, and pass all its rows.`,
      { option: "rows" },
      error,
    );
  }
}

function profileOf(baseline: JsonValue): BaselineProfile {
  const profile = profileOfJson(baseline);
  if (typeof profile !== "string") return profile;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `This is no stored baseline: ${profile}. Pass what driftBaseline returned.`,
    { option: "baseline", value: profile },
  );
}

function storedSide(source: string, rows: number): DriftSide {
  return { source, version: null, pin: null, fingerprint: null, scope: "table", window: null, rows };
}
