import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { VarveError } from "../../errors.ts";
import { sql } from "../../sql/sql.ts";
import { filePattern, textList } from "../../sql/sql-text.ts";
import type { EngineCore } from "../core/core.ts";

/**
 * Closes an instance for good: it reads the named files, reads and writes below the named folders, loads
 * nothing, changes no setting.
 *
 * Files are named one by one, because a folder that may be read may also be written; texts of callers must
 * pass `callerQuery` or `callerExpression` besides, because a file that may be read may also be overwritten.
 */
export async function fence(
  core: EngineCore,
  limits: { readonly files: readonly string[]; readonly writableFolders?: readonly string[] | undefined },
): Promise<void> {
  const folders = await Promise.all(
    (limits.writableFolders ?? []).map(async (folder) => `${await realpath(folder)}${sep}`),
  );
  // Only what may write files needs the connection that counts progress, and none can be made any more
  // afterwards.
  if (folders.length > 0) await core.prepareMeasured();
  // DuckDB checks `allowed_paths` for the glob, and again for each file it matches.
  const files = [...limits.files, ...core.ownFiles];
  await core.run(sql`SET allowed_paths = ${textList([...new Set([...files, ...files.map(filePattern)])])};
    SET allowed_directories = ${textList([...folders, ...(limits.writableFolders ?? [])])};
    SET enable_external_access = false;
    SET lock_configuration = true`);
  core.markFenced();
  if (await fenceHolds(core)) return;
  throw new VarveError(
    "ENGINE_FAILED",
    "DuckDB did not apply the fence. Use the DuckDB version that varve depends on.",
    {},
  );
}

/** Whether the instance holds its fence; false would be a change in DuckDB that varve does not know. */
async function fenceHolds(core: EngineCore): Promise<boolean> {
  const [row] = await core.rows(
    sql`SELECT current_setting('enable_external_access') AS open, current_setting('lock_configuration') AS locked`,
  );
  return row?.["open"] === false && row["locked"] === true;
}
