import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DataType,
  DurationSecond,
  Field,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  tableToIPC,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Source } from "../../src/api/shared/table-options.ts";
import { createTable, schema } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { newSession } from "../table/hand-made-table.ts";

function arrowOf(type: DataType): Table {
  const fields = [new Field("v", type, true)];
  const data = makeData({ type, length: 1, nullCount: 0, data: BigInt64Array.of(1n) } as never);
  const batch = makeData({ type: new Struct(fields), length: 1, nullCount: 0, children: [data] });
  const described = new Schema(fields);
  return new Table(described, [new RecordBatch(described, batch as never)]);
}

async function parquetOf(value: string): Promise<string> {
  const file = join(freshFolder(), "source.parquet");
  await using session = await newSession();
  await session.execute(unchecked(`COPY (SELECT ${value} AS v) TO '${file}' (FORMAT parquet)`));
  return file;
}

function arrowFile(table: Table): string {
  const file = join(freshFolder(), "source.arrow");
  writeFileSync(file, tableToIPC(table, "file"));
  return file;
}

const [time, span] = ["TIME '10:00:00'", "INTERVAL 1 DAY"];

/** Types that Delta does not have, from the sources that say types. */
const sources: Readonly<Record<string, () => Promise<Source>>> = {
  "a time of an Arrow table": async () => arrowOf(new TimeMicrosecond()),
  "a time of an Arrow file": async () => ({ arrow: arrowFile(arrowOf(new TimeMicrosecond())) }),
  "a duration of an Arrow table": async () => arrowOf(new DurationSecond()),
  "a time of a Parquet file": async () => ({ parquet: await parquetOf(time) }),
  "an interval of a Parquet file": async () => ({ parquet: await parquetOf(span) }),
  "a time within a struct of a Parquet file": async () => ({ parquet: await parquetOf(`{t: ${time}}`) }),
};

describe("a type that Delta does not have is refused alike", () => {
  it.each(Object.entries(sources))("%s", async (label, source) => {
    const column = label.includes("struct") ? ["v", "t"] : ["v"];
    const refusal = { code: "SCHEMA_MISMATCH", data: { column, found: expect.any(String) } };
    const folder = freshFolder();
    await expect(createTable(join(folder, "new"), { source: await source() })).rejects.toMatchObject(refusal);
    await using table = await createTable(join(folder, "old"), { schema: schema().long("w") });
    const merged = table.append(await source(), { mergeSchema: true });
    await expect(merged).rejects.toMatchObject(refusal);
  });
});
