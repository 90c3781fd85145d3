import { isVarveError, type VarveError } from "../../../errors.ts";
import { type SqlSelect, sql } from "../../../sql/sql.ts";
import type { EngineCore } from "../../core/core.ts";
import { openCore } from "../../core/open-core.ts";
import { isGuardStop } from "../../fence/row-guard.ts";
import { type FileShape, scanOf } from "./file-shapes.ts";
import { unreadableParquet } from "./parquet-schema.ts";

/**
 * Names the file at fault when a later query over staged files fails: a view reads them when it is queried,
 * and the engine mostly does not say which file was damaged, or that it was a file at all.
 *
 * A failed query is followed by a look at each file, in an instance that the failure has not spoiled and no
 * fence keeps from them.
 */
export function explainFailures(
  core: EngineCore,
  files: readonly string[],
  shapes: readonly FileShape[],
): void {
  core.explainers.push(async (failure) => {
    if (!mayComeOfReading(failure)) return undefined;
    for (const shape of shapes)
      for (const file of files) {
        if (!shape.files.has(file)) continue;
        const damage = await failureToRead(core, sql`SELECT ${shape.values} FROM ${scanOf([file])}`);
        const error = damage === undefined ? undefined : unreadableParquet(file, damage);
        if (isVarveError(error, "SOURCE_UNREADABLE")) return error;
      }
    return undefined;
  });
}

/** Kinds of the engine's errors that no file's content causes. */
const ofStatement: ReadonlySet<unknown> = new Set(["Parser", "Syntax", "Binder", "Catalog", "Permission"]);

function mayComeOfReading(failure: VarveError): boolean {
  if (isGuardStop(failure) || ofStatement.has(failure.data["engineErrorKind"])) return false;
  return isVarveError(failure, "SQL_FAILED", "ENGINE_FAILED", "DATA_FILE_CORRUPT", "DATA_FILE_MISSING");
}

/** Reads all of a query's rows, and keeps none. */
async function failureToRead(core: EngineCore, select: SqlSelect): Promise<unknown> {
  core.turn.pass();
  await using inner = await openCore(core.options);
  try {
    await inner.run(sql`EXPLAIN ANALYZE ${select}`);
    return undefined;
  } catch (error) {
    return error;
  }
}
