import type { EngineRow, OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { fileDifference } from "../operations/diff-files.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { plainName } from "../sql/sql-text.ts";
import { planFiles, planScan } from "../table/scan/scan.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { columnsText, valuesDigest } from "./file-identity.ts";
import { rowHashSql } from "./row-hash.ts";

/** Rows that only one of two versions has, as multisets. */
export interface DifferingRows {
  /** Number of rows that only the verified version has. */
  readonly onlyHere: number;
  /** Number of rows that only the other version has. */
  readonly onlyThere: number;
  /** Some of them. */
  readonly examples: readonly { readonly side: "here" | "there"; readonly row: EngineRow }[];
}

/**
 * Finds the rows that only one of two versions has, which may be of different tables. They are told apart as
 * fingerprints do: -0 is not 0, and NaN is NaN.
 *
 * @throws `SCHEMA_MISMATCH` if their columns differ
 */
export async function differingRows(
  session: OpenSession,
  here: LogSnapshot,
  there: LogSnapshot,
  limit: number,
): Promise<DifferingRows> {
  requireSameColumns(here, there);
  session.enableVariants();
  const [own, other] = await differentFiles(session, here, there);
  const counts = (rows: SqlSelect): SqlSelect =>
    sql`SELECT hash, count(*) AS n FROM (SELECT ${rowHashSql(here.schema)} AS hash FROM (${rows})) GROUP BY hash`;
  await session.execute(sql`CREATE OR REPLACE TEMP TABLE varve_differing AS
    SELECT hash, coalesce(h.n, 0) - coalesce(t.n, 0) AS surplus
    FROM (${counts(own)}) AS h FULL JOIN (${counts(other)}) AS t USING (hash)
    WHERE coalesce(h.n, 0) <> coalesce(t.n, 0)`);
  const [totals] = await session.rows(
    sql`SELECT sum(greatest(surplus, 0)) AS here, sum(greatest(0 - surplus, 0)) AS there FROM varve_differing`,
  );
  const [onlyHere, onlyThere] = [Number(totals?.["here"] ?? 0), Number(totals?.["there"] ?? 0)];
  const examples = [
    ...(await examplesOf(session, here, own, "here", limit)),
    ...(await examplesOf(session, here, other, "there", limit)),
  ];
  return { onlyHere, onlyThere, examples: balanced(examples, limit) };
}

/** The rows of the files that only one side has; of tables in different places, all rows. */
async function differentFiles(
  session: OpenSession,
  here: LogSnapshot,
  there: LogSnapshot,
): Promise<[SqlSelect, SqlSelect]> {
  const isSameTable =
    here.context.store.uri === there.context.store.uri && here.metadata.id === there.metadata.id;
  if (!isSameTable || valuesDigest(here) !== valuesDigest(there))
    return [(await planScan(session, here)).sql, (await planScan(session, there)).sql];
  const { added, removed } = await fileDifference(here, there);
  return [(await planFiles(session, here, removed)).sql, (await planFiles(session, there, added)).sql];
}

async function examplesOf(
  session: OpenSession,
  { schema }: LogSnapshot,
  rows: SqlSelect,
  side: "here" | "there",
  limit: number,
) {
  const hash = plainName(`${freePrefix(schema.fields.map(({ name }) => name))}hash`);
  const surplus = side === "here" ? sql`other.surplus` : sql`(0 - other.surplus)`;
  // Of several equal rows, only the surplus is different.
  const examples = await session.rows(
    sql`SELECT own.* EXCLUDE (${hash})
        FROM (SELECT *, ${rowHashSql(schema)} AS ${hash} FROM (${rows})) AS own
          JOIN varve_differing AS other ON other.hash = own.${hash}
        WHERE ${surplus} > 0
        QUALIFY row_number() OVER (PARTITION BY own.${hash}) <= ${surplus}
        LIMIT ${limit}`,
  );
  return examples.map((row) => ({ side, row }));
}

/** As many of each side as there is room for. */
function balanced<T extends { readonly side: string }>(examples: readonly T[], limit: number): readonly T[] {
  const here = examples.filter(({ side }) => side === "here");
  const there = examples.filter(({ side }) => side === "there");
  const fromHere = Math.max(limit - there.length, Math.ceil(limit / 2));
  const some = here.slice(0, fromHere);
  return [...some, ...there.slice(0, limit - some.length)];
}

function requireSameColumns(here: LogSnapshot, there: LogSnapshot): void {
  if (columnsText(here.schema) === columnsText(there.schema)) return;
  const names = (snapshot: LogSnapshot) => snapshot.schema.fields.map(({ name }) => name);
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The two versions do not have the same columns with the same types in the same order, so their rows cannot be compared: ${names(here).join(", ")} and ${names(there).join(", ")}. Compare versions with the same columns.`,
    { columns: names(here) },
  );
}
