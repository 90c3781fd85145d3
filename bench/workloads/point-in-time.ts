import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, pointInTime } from "../../src/index.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

/** Rows of the feature table, by `VARVE_BENCH_FEATURES`; there is an entity for every ten of them. */
const features = Number(process.env["VARVE_BENCH_FEATURES"] ?? 2_000_000);

/** A point-in-time join, against the engine's own ASOF join over the same Parquet files. */
export const pointInTimeWorkloads: readonly Workload[] = [{ name: "point-in-time", run: joinFeatures }];

async function joinFeatures({ folder, runs }: BenchContext): Promise<Figure[]> {
  const entityFile = join(folder, "entities.parquet");
  await makeFile(entityFile, features / 10, "i % 3 = 0 AS label", 1);
  const featureFile = join(folder, "features.parquet");
  await makeFile(featureFile, features, "(i % 1000) / 7.0::DOUBLE AS a, i AS b, 'x' || (i % 5000) AS c", 7);
  const table = await createTable(join(folder, "table"), { source: { parquet: featureFile } });
  const paths: string[] = [];
  for await (const files of (await table.snapshot().log.files()).all())
    for (const add of files) paths.push(await table.snapshot().log.context.localFile(add.path));
  const output = join(folder, "output");
  const session = await openSession();
  const list = paths.map((path) => `'${path}'`).join(", ");
  const joined = `SELECT e.*, f.a, f.b, f.c FROM read_parquet('${entityFile}') e ASOF LEFT JOIN read_parquet([${list}]) f ON e.id = f.id AND e.at >= f.at`;
  const seconds = await contest(runs, {
    subject: async () => {
      await mkdir(output, { recursive: true });
      const { result } = await pointInTime({
        entities: { parquet: entityFile },
        time: "at",
        features: [{ table, eventTime: "at", keys: ["id"] }],
        exportFolder: output,
      });
      await result.writeFile("parquet");
      await rm(output, { recursive: true });
    },
    baseline: () =>
      session.execute(
        unchecked(`COPY (${joined}) TO '${join(folder, "own.parquet")}' (FORMAT parquet, COMPRESSION zstd)`),
      ),
  });
  await session.close();
  return [
    {
      what: `point-in-time join of ${features / 10} rows with ${features}`,
      seconds: seconds.subject,
      baseline: { what: "the engine's ASOF JOIN", seconds: seconds.baseline },
      limit: { atMost: 1.3 },
      processor: seconds.processor,
    },
  ];
}

/** Rows of keys, of which there are a twentieth of the features, and times in one year. */
async function makeFile(file: string, rows: number, columns: string, seed: number): Promise<void> {
  const session = await openSession();
  const time = `TIMESTAMPTZ '2024-01-01' + to_microseconds((hash(i + ${seed}) % 31536000000000)::BIGINT)`;
  await session.execute(
    unchecked(
      `COPY (SELECT (hash(i * ${seed}) % ${features / 20})::BIGINT AS id, ${time} AS at, ${columns} FROM range(${rows}) t(i)) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`,
    ),
  );
  await session.close();
}
