import type { EngineColumn, FencedSession, Session } from "../../engine/core/contract.ts";
import { isVarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { expectations } from "../checks/registry.ts";
import { columnNames } from "../model/column.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check, Suite } from "../model/suite.ts";
import { unicodePattern } from "../model/unicode-pattern.ts";
import { callerSqlOf } from "../suite/plan.ts";

/**
 * Has the engine check every pattern and SQL expression of a suite, the latter in a fenced session, and
 * returns them by their path.
 *
 * @throws `SUITE_INVALID` naming the path, with the engine's own error as cause.
 */
export async function checkedExpressions(
  session: Session,
  suite: Suite,
  columns: readonly EngineColumn[],
  fence: () => Promise<FencedSession>,
): Promise<ReadonlyMap<string, SqlExpression>> {
  await checkPatterns(session, suite);
  const texts = callerSqlOf(suite);
  const checked = new Map<string, SqlExpression>();
  if (texts.length === 0) return checked;
  const fenced = await fence();
  for (const { path, text } of texts) {
    try {
      checked.set(path, await fenced.callerExpression(text, columns));
    } catch (error) {
      if (!isVarveError(error, "SQL_FAILED", "SQL_REFUSED")) throw error;
      throw invalidSuite(
        path,
        `the engine does not take "${text}": ${error.message}`,
        error.code === "SQL_REFUSED" && error.data["function"] !== undefined
          ? "To compare with the current time, use a check of age"
          : `Write one SQL expression over the columns ${columnNames(columns)}`,
        error,
      );
    }
  }
  return checked;
}

/**
 * Has the engine parse every pattern of a suite, because its regular expressions differ slightly from
 * JavaScript's, which validated the suite.
 */
async function checkPatterns(session: Session, suite: Suite): Promise<void> {
  const patterns = suite.checks.flatMap((check) =>
    patternsOf(check).map(({ param, text, sql }) => ({ path: `${check.path}.params.${param}`, text, sql })),
  );
  const ask = (some: typeof patterns) => session.rows(sql`SELECT ${joinSql(some.map(({ sql }) => sql))}`);
  if (patterns.length === 0 || (await ask(patterns).then(isAnswer, failed)) === undefined) return;
  for (const pattern of patterns) {
    const error = await ask([pattern]).then(isAnswer, failed);
    if (error === undefined) continue;
    throw invalidSuite(
      pattern.path,
      `the engine does not take ${JSON.stringify(pattern.text)}: ${error.message}`,
      "Write it as the engine reads it",
      error,
    );
  }
}

const isAnswer = (): undefined => undefined;

function failed(error: unknown): Error {
  if (isVarveError(error, "SQL_FAILED")) return error;
  throw error;
}

function patternsOf({
  kind,
  params,
}: Check): { readonly param: string; readonly text: string; readonly sql: SqlExpression }[] {
  return Object.entries(expectations.get(kind)?.params ?? {}).flatMap(([param, { type }]) => {
    const value = params[param];
    const regexes = type === "regex" ? [value] : type === "regexes" && Array.isArray(value) ? value : [];
    return [
      ...regexes.map((text) => ({
        param,
        text: String(text),
        sql: duckdbDialect.matches(
          sql`''`,
          params["flags"] === "unicode" ? unicodePattern(String(text)) : String(text),
        ),
      })),
    ];
  });
}
