import type { Engine, Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { type Profile, profileRelation } from "../quality/profile/profile.ts";
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

/** A session, and in it the rows of a version to profile. */
export interface ProfiledRows extends AsyncDisposable {
  readonly session: Session;
  readonly relation: Relation;
}

/** Profiles the columns of a version. */
export async function profile(snapshot: LogSnapshot, options: ProfileOptions = {}): Promise<Profile> {
  await using opened = await openProfiled(snapshot, options);
  return await profileRelation(opened.session, opened.relation);
}

/** Opens a session with the columns of a version. */
export async function openProfiled(
  snapshot: LogSnapshot,
  { columns }: ProfileOptions,
): Promise<ProfiledRows> {
  const session = await (await snapshot.context.engine()).open();
  try {
    const relation = await planScan(session, snapshot, { columns });
    return { session, relation, [Symbol.asyncDispose]: () => session.close() };
  } catch (error) {
    await session.close();
    throw error;
  }
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
  return withProfiledSource(engine, source, options, profileRelation);
}

/** Calls `read` with a session and the chosen columns of a source in it. @throws as {@link profileSource} */
export async function withProfiledSource<T>(
  engine: Engine,
  source: WriteSource,
  options: ProfileOptions & FetchServices,
  read: (session: Session, relation: Relation) => Promise<T>,
): Promise<T> {
  return withFetchedFiles(source, options, async (fetched) => {
    await using session = await engine.open();
    const { relation } = await stageWriteSource(session, fetched.source, {});
    return await read(session, chosenColumns(relation, options));
  });
}

function chosenColumns(relation: Relation, options: ProfileOptions): Relation {
  const columns = (options.columns ?? relation.columns.map(({ name }) => name)).map((name) => {
    const match = relation.columns.find((column) => foldName(column.name) === foldName(name));
    if (match !== undefined) return match;
    const names = relation.columns.map((column) => column.name);
    throw new VarveError("COLUMN_NOT_FOUND", `Unknown column ${name}. The source has: ${names.join(", ")}.`, {
      column: [name],
      columns: names,
    });
  });
  return { sql: sql`SELECT ${columns.map(({ name }) => quoteName(name))} FROM (${relation.sql})`, columns };
}
