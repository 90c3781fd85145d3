import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { VarveError } from "../errors.ts";
import { quoteText, textList } from "../util/sql-text.ts";
import type { EngineCore } from "./core.ts";

/**
 * Closes an instance for good: it reads the named files, reads and writes below the named folders, loads nothing, changes no setting.
 *
 * Files are named one by one, because a folder that may be read may also be written; texts of callers must pass
 * `callerQuery` or `callerExpression` besides, because a file that may be read may also be overwritten.
 */
export async function fence(
  core: EngineCore,
  limits: { readonly files: readonly string[]; readonly writableFolders?: readonly string[] },
): Promise<void> {
  const folders = await Promise.all((limits.writableFolders ?? []).map(async (folder) => `${await realpath(folder)}${sep}`));
  await core.prepareMeasured();
  await core.run(`SET allowed_paths = ${textList([...limits.files, ...core.ownFiles])}`);
  await core.run(`SET allowed_directories = ${textList([...folders, ...(limits.writableFolders ?? [])])}`);
  await core.run("SET enable_external_access = false");
  await core.run("SET lock_configuration = true");
  if (!(await fenceHolds(core))) {
    throw new VarveError(
      "ENGINE_FAILED",
      "The engine did not take its fence. Use the DuckDB version that varve names as its dependency.",
      {},
    );
  }
  core.fenced = true;
}

/** Whether the instance holds its fence; false would be a change in DuckDB that varve does not know. */
async function fenceHolds(core: EngineCore): Promise<boolean> {
  const names = ["enable_external_access", "lock_configuration"].map(quoteText).join(", ");
  const settings = await core.rows(`SELECT name, value FROM duckdb_settings() WHERE name IN (${names}) ORDER BY name`);
  return settings.length === 2 && settings[0]?.["value"] === "false" && settings[1]?.["value"] === "true";
}
