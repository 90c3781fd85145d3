import { join } from "node:path";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, openTable } from "../../src/index.ts";
import { quoteName, textList } from "../../src/sql/sql-text.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { makeParquet } from "../data.ts";
import { type BenchContext, contest, type Figure, medianSeconds, type Workload } from "../harness.ts";
import { makeLogTable } from "../log-tables.ts";

export const fingerprintWorkloads: readonly Workload[] = [
  { name: "fingerprint-content", run: content },
  { name: "fingerprint-state", run: state },
];

const rows = 3_000_000;

/** The rows' fingerprint, against a scan in which the engine hashes every column by its own hash. */
async function content({ folder, runs }: BenchContext): Promise<Figure[]> {
  await using table = await createTable(join(folder, "table"), {
    source: { parquet: await makeParquet(folder, rows) },
  });
  const version = table.snapshot();
  const paths: string[] = [];
  for await (const files of (await version.log.files()).paths())
    for (const path of files) paths.push(await version.log.context.localFile(path));
  const hashes = version.schema.fields.map(({ name }) => `sum(hash(${quoteName(name)}))`).join(", ");
  await using session = await openSession();
  const seconds = await contest(runs, {
    subject: () => version.contentFingerprint(),
    baseline: () => session.rows(unchecked(`SELECT ${hashes} FROM read_parquet(${textList(paths)})`)),
  });
  return [
    {
      what: "fingerprint of all rows",
      seconds: seconds.subject,
      baseline: { what: "engine hashes every column", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: 3 },
      note: "3,000,000 rows of ten columns",
    },
  ];
}

/** The fingerprint of a state of a million files, against the listing of their paths. */
async function state({ folder, runs }: BenchContext): Promise<Figure[]> {
  const { folder: uri } = await makeLogTable(folder, "checkpoint", 1_000_000);
  const listed = await medianSeconds(Math.min(runs, 3), async () => {
    let files = 0;
    for await (const chunk of (await openTable(uri)).snapshot().files()) files += chunk.length;
    if (files < 1_000_000) throw new Error(`${files} files`);
  });
  const seconds = await medianSeconds(Math.min(runs, 3), async () => (await openTable(uri)).fingerprint());
  return [
    {
      what: "fingerprint of a state",
      seconds,
      baseline: { what: "listing the paths", seconds: listed },
      note: "1,000,000 files, opened each time",
    },
  ];
}
