import type { Engine, Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { type Profile, profileRelation } from "../quality/profile/profile.ts";
import { type SuggestedSuite, type SuggestOptions, suggestSuite } from "../quality/profile/suggest.ts";
import { foldName } from "../schema/schema-json.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { planScan } from "../table/scan/scan.ts";
import { type FetchServices, withFetchedFiles } from "../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";

/** Which columns to profile; default: all. */
export interface ProfileOptions {
  readonly columns?: readonly string[] | undefined;
}

/** Profiles the columns of a version. */
export async function profile(snapshot: LogSnapshot, options: ProfileOptions = {}): Promise<Profile> {
  await using session = await (await snapshot.context.engine()).open();
  const { columns } = options;
  return await profileRelation(session, await planScan(session, snapshot, { columns }));
}

/**
 * Profiles the columns of any source; writes nothing.
 *
 * @throws `SOURCE_UNREADABLE`, `COLUMN_NOT_FOUND`, errors of the tables that are read
 */
export async function profileSource(
  engine: Engine,
  source: WriteSource,
  options: ProfileOptions & FetchServices = {},
): Promise<Profile> {
  return withFetchedFiles(source, options, async (fetched) => {
    await using session = await engine.open();
    const { relation } = await stageWriteSource(session, fetched.source, {});
    return await profileColumns(session, relation, options);
  });
}

async function profileColumns(
  session: Session,
  relation: Relation,
  options: ProfileOptions,
): Promise<Profile> {
  const columns = (options.columns ?? relation.columns.map(({ name }) => name)).map((name) => {
    const match = relation.columns.find((column) => foldName(column.name) === foldName(name));
    if (match !== undefined) return match;
    const names = relation.columns.map((column) => column.name);
    throw new VarveError("COLUMN_NOT_FOUND", `Unknown column ${name}. The source has: ${names.join(", ")}.`, {
      column: [name],
      columns: names,
    });
  });
  const select = sql`SELECT ${columns.map(({ name }) => quoteName(name))} FROM (${relation.sql})`;
  return await profileRelation(session, { sql: select, columns });
}

/** Suggests a suite for the rows of a version, ready to be edited, with a reason for each check. */
export async function suggest(
  snapshot: LogSnapshot,
  options: ProfileOptions & SuggestOptions = {},
): Promise<SuggestedSuite> {
  return suggestSuite(await profile(snapshot, options), options);
}
