import { sql } from "../../sql/sql.ts";
import type { EngineSource, Relation, StagedRelation, StageOptions } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { stageCsv } from "./csv/stage-csv.ts";
import { stageParquet } from "./parquet/stage-parquet.ts";
import { stageJsonLines, stageRows } from "./rows/stage-rows.ts";
import { positionNames } from "./shared/position.ts";
import { numberedCopy } from "./shared/stage-files.ts";
import { stageSql } from "./stage-sql.ts";

/** Stages any source; see {@link Session.stage}. */
export async function stageSource(
  core: EngineCore,
  source: EngineSource,
  options: StageOptions = {},
): Promise<StagedRelation> {
  core.assertOpen();
  switch (source.kind) {
    case "rows":
      return stageRows(core, source, options);
    case "ndjson":
      return stageJsonLines(core, source, options);
    case "parquet":
      return stageParquet(core, source, options);
    case "csv":
      return stageCsv(core, source, options);
    case "arrow":
    case "arrow-ipc":
    case "arrow-file": {
      const { stageArrow } = await import("./arrow/stage-arrow.ts");
      return stageArrow(core, source, options);
    }
    case "relation":
      // A relation may give its rows in another order when it is scanned again, so only a copy can tell them
      // apart.
      return options.positions === true
        ? numberedCopy(core, source.relation, { signal: options.signal })
        : unplaced(source.relation);
    case "sql":
      return stageSql(core, source, options);
  }
}

function unplaced(relation: Relation): StagedRelation {
  const { file, row } = positionNames(relation.columns.map(({ name }) => name));
  return {
    ...relation,
    positionedSql: sql`SELECT *, NULL::VARCHAR AS ${file}, NULL::BIGINT AS ${row} FROM (${relation.sql})`,
    positionColumns: { file, row },
  };
}
