import type { EngineSource, Relation, StagedRelation, StageOptions } from "../contract.ts";
import type { EngineCore } from "../core.ts";
import { positionColumns } from "./position.ts";
import { stageCsv } from "./stage-csv.ts";
import { stageParquet } from "./stage-files.ts";
import { stageJsonLines, stageRows } from "./stage-rows.ts";
import { stageSql } from "./stage-sql.ts";

/** Stages any source; see {@link Session.stage}. */
export async function stageSource(core: EngineCore, source: EngineSource, options: StageOptions = {}): Promise<StagedRelation> {
  core.assertOpen();
  switch (source.kind) {
    case "rows":
      return stageRows(core, source, options);
    case "ndjson":
      return stageJsonLines(core, source, options);
    case "parquet":
      return stageParquet(core, source);
    case "csv":
      return stageCsv(core, source, options);
    case "arrow":
    case "arrow-ipc": {
      const { stageArrow } = await import("./stage-arrow.ts");
      return stageArrow(core, source, options);
    }
    case "relation":
      if (options.positions === true) return numberedCopy(core, source.relation);
      return {
        ...source.relation,
        positionedSql: `SELECT *, NULL::VARCHAR AS ${positionColumns.file}, NULL::BIGINT AS ${positionColumns.row} FROM (${source.relation.sql})`,
        positionColumns,
      };
    case "sql":
      return stageSql(core, source, options);
  }
}

/** A relation may give its rows in another order when it is scanned again, so only a copy can tell them apart. */
async function numberedCopy(core: EngineCore, relation: Relation): Promise<StagedRelation> {
  const table = core.freshName("staged");
  await core.run(`CREATE TABLE ${table} AS ${relation.sql}`);
  return {
    sql: `SELECT * FROM ${table}`,
    columns: relation.columns,
    positionedSql: `SELECT *, NULL::VARCHAR AS ${positionColumns.file}, rowid AS ${positionColumns.row} FROM ${table}`,
    positionColumns,
  };
}
