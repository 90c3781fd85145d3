import type { ConvertStatement } from "../dialects/statements/syntax.ts";
import { VarveError } from "../errors.ts";
import { convertTable } from "../operations/convert.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** CONVERT TO DELTA: a folder of Parquet files becomes a table where it is. */
export async function convertFolder(
  { kind, source, statistics, partitionedBy }: ConvertStatement,
  context: StatementContext,
): Promise<StatementResult> {
  if (source.kind === "path" && source.format !== "parquet")
    throw new VarveError(
      "SQL_FAILED",
      `Cannot convert ${source.format}.\`${source.path}\`: only folders of Parquet files can be, as parquet.\`PATH\`.`,
      { table: source.path, position: source.start },
    );
  const { userMetadata, signal } = context;
  const result = await convertTable(await context.folder(source), {
    partitionBy: partitionedBy,
    statistics,
    userMetadata,
    signal,
  });
  await result.maintenance;
  const { outcome, version, files, bytes, rows } = result;
  const named = { statement: kind, table: tableText(source), version };
  return outcome === "committed"
    ? { ...named, outcome, metrics: { files, bytes, rows } }
    : { ...named, outcome: "unchanged" };
}
