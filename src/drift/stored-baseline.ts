import { unreadableBaseline } from "../baselines/baseline-errors.ts";
import { VarveError } from "../errors.ts";
import type { Dialect } from "../quality/model/dialect.ts";
import { duckdbDialect } from "../quality/model/dialect-duckdb.ts";
import { sparkDialect } from "../quality/model/dialect-spark.ts";
import { foldName } from "../schema/schema-json.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { packageVersion } from "../util/package-version.ts";
import type { World } from "../util/world.ts";
import { withFetchedFiles } from "../write/plan/fetched-source.ts";
import { subjectOf } from "./comparison/against-profile.ts";
import { CountsFault, type CountsRow, countedElsewhere } from "./comparison/counted-elsewhere.ts";
import { countsSql } from "./comparison/counts-sql.ts";
import type { DriftDefinition } from "./comparison/definition.ts";
import type { DriftReport, DriftSide } from "./comparison/drift-record.ts";
import { judge } from "./comparison/judge.ts";
import { summarized } from "./comparison/report-summary.ts";
import { leafNamed } from "./comparison/slices.ts";
import { plainSubject } from "./comparison/subjects.ts";
import { type DriftInput, type DriftServices, hashOf, openSide, rowsOf, stageSide } from "./drift.ts";
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
    await using session = await services.engine.open({ signal: services.signal });
    const staged = await unreadableBaseline(source, () => stageSide(session, fetched.source, services));
    const fenced = await session.fence({ files: staged.files });
    const side = await openSide(fenced, staged.relation, request);
    const rows = await unreadableBaseline(source, () => rowsOf(fenced, side));
    const baseline = { ...side, rows };
    return profileJson(await baselineProfile(fenced, baseline, chosenLeaves(side.leaves, request)));
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
    run_id: world.uuid(),
    at: new Date(world.now()).toISOString(),
    definition_hash: hashOf(definition),
    code_version: packageVersion(),
    table_id: null,
    baseline: sideOf("stored baseline", profile.rows),
    current: sideOf(name, all),
  });
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

function sideOf(source: string, rows: number): DriftSide {
  return { source, version: null, pin: null, fingerprint: null, scope: "table", window: null, rows };
}
