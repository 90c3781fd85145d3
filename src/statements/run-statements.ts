import { parseStatements } from "../dialects/statements/parse-statements.ts";
import type { Statement, StatementBody } from "../dialects/statements/syntax.ts";
import { VarveError } from "../errors.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { alterTable } from "./alter-table.ts";
import { deleteRows, updateRows } from "./change-rows.ts";
import { createClone } from "./clone-table.ts";
import type { Executor, StatementContext, StatementResult } from "./contract.ts";
import { convertFolder } from "./convert-folder.ts";
import { describeTable } from "./describe-table.ts";
import { generateManifests } from "./generate-manifests.ts";
import { insertRows } from "./insert-rows.ts";
import { mergeRows } from "./merge-rows.ts";
import { optimizeTable, reorgTable } from "./optimize-table.ts";
import { restoreTable } from "./restore-table.ts";
import { selectRows } from "./select-rows.ts";
import { vacuumTable } from "./vacuum-table.ts";

type Executors = {
  readonly [Kind in StatementBody["kind"]]: Executor<Extract<StatementBody, { readonly kind: Kind }>>;
};

/** What runs each kind of statement. */
const executors: Executors = {
  SELECT: selectRows,
  INSERT: insertRows,
  DELETE: deleteRows,
  UPDATE: updateRows,
  MERGE: mergeRows,
  OPTIMIZE: optimizeTable,
  VACUUM: vacuumTable,
  "REORG TABLE": reorgTable,
  "RESTORE TABLE": restoreTable,
  "CREATE TABLE CLONE": createClone,
  "CONVERT TO DELTA": convertFolder,
  GENERATE: generateManifests,
  "ALTER TABLE": alterTable,
  "DESCRIBE HISTORY": describeTable,
  "DESCRIBE DETAIL": describeTable,
  "DESCRIBE TABLE": describeTable,
};

/**
 * Runs statements in their order, each a commit of its own. All of the text is read first, so that a mistake in
 * it changes nothing.
 *
 * @throws `SQL_FAILED` with the position for a text that cannot be read, before anything is run; then the errors of
 * the statements, with the index of the statement (`statement`) in `data`
 */
export async function runStatements(text: string, context: StatementContext): Promise<StatementResult[]> {
  const statements = parseStatements(text);
  const results: StatementResult[] = [];
  for (const [index, statement] of statements.entries()) {
    throwIfCancelled(context.signal, "running statements");
    const result = await located(statements, index, () => runStatement(statement, context));
    // A SELECT was handed over with its rows.
    if (statement.body.kind !== "SELECT") await context.onResult?.(result);
    results.push(result);
  }
  return results;
}

function runStatement(statement: Statement, context: StatementContext): Promise<StatementResult> {
  const { body } = statement;
  // The table above pairs each kind with what runs it.
  const execute = executors[body.kind] as Executor<StatementBody>;
  return execute(body, context, statement);
}

/** Says which of several statements failed, and that those before it were committed. */
async function located<T>(
  statements: readonly Statement[],
  index: number,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // Subclasses carry more than their message and data.
    if (statements.length === 1 || !(error instanceof VarveError) || error.constructor !== VarveError)
      throw error;
    const before =
      index === 0
        ? "No other statement was run."
        : index === 1
          ? "The one before it is done."
          : `The ${index} before it are done.`;
    const kind = statements[index]?.body.kind ?? "";
    throw new VarveError(
      error.code,
      `Statement ${index + 1} of ${statements.length} (${kind}) failed: ${error.message} ${before}`,
      { ...error.data, statement: index },
      error,
    );
  }
}
