import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { VarveError } from "../../errors.ts";
import { sql } from "../../sql/sql.ts";
import { filePattern, textList } from "../../sql/sql-text.ts";
import type { EngineCore } from "../core/core.ts";

/**
 * Restricts an instance for good: it can read the named files, read and write below the named folders, load
 * nothing, and change no setting.
 *
 * Files are named one by one, because a folder that may be read may also be written. In addition, SQL of
 * callers must pass `callerQuery` or `callerExpression`, because a file that may be read may also be
 * overwritten.
 */
export async function fence(
  core: EngineCore,
  limits: { readonly files: readonly string[]; readonly writableFolders?: readonly string[] | undefined },
): Promise<void> {
  const folders = await Promise.all(
    (limits.writableFolders ?? []).map(async (folder) => `${await realpath(folder)}${sep}`),
  );
  // Only sessions that may write files need the connection that counts progress; it cannot be created after
  // the fence.
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

/** Whether the instance enforces its fence; false would mean an unknown change in DuckDB. */
async function fenceHolds(core: EngineCore): Promise<boolean> {
  const [row] = await core.rows(
    sql`SELECT current_setting('enable_external_access') AS open, current_setting('lock_configuration') AS locked`,
  );
  return row?.["open"] === false && row["locked"] === true;
}
