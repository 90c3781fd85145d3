import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { quoteFile } from "../../src/sql/sql-text.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

const rows = 300_000;

/** Staging proves of each text that a double holds it; the engine's own readers round. */
export const stagingWorkloads: readonly Workload[] = [
  { name: "stage-doubles-csv", run: (context) => stageDoubles(context, "csv", 7) },
  { name: "stage-doubles-ndjson", run: (context) => stageDoubles(context, "ndjson", 7) },
];

/** Numbers of up to 17 digits, as a program prints doubles, and of few. */
function lineOf(kind: "csv" | "ndjson", index: number): string {
  const [a, b] = [((index * 7919) % 100_003) / 997, ((index * 31) % 100_000) / 100];
  return kind === "csv" ? `${index},${a},${b}` : JSON.stringify({ id: index, a, b });
}

async function stageDoubles(
  { folder, runs }: BenchContext,
  kind: "csv" | "ndjson",
  limit: number,
): Promise<Figure[]> {
  const file = join(folder, `doubles.${kind}`);
  const lines = Array.from({ length: rows }, (_, index) => lineOf(kind, index));
  await writeFile(file, `${kind === "csv" ? "id,a,b\n" : ""}${lines.join("\n")}\n`);
  const reader = kind === "csv" ? "read_csv" : "read_json";
  const inSession = (work: (session: OpenSession) => Promise<unknown>) => async () => {
    const session = await openSession();
    try {
      await work(session);
    } finally {
      await session.close();
    }
  };
  const seconds = await contest(runs, {
    subject: inSession((session) => session.stage({ kind, files: [file] })),
    baseline: inSession((session) =>
      session.execute(unchecked(`CREATE TABLE t AS SELECT * FROM ${reader}(${quoteFile(file)})`)),
    ),
  });
  return [
    {
      what: `staging of ${kind === "csv" ? "a CSV file" : "JSON lines"} with two columns of doubles`,
      seconds: seconds.subject,
      baseline: { what: `engine ${reader}`, seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: limit },
      note: `${rows.toLocaleString("en")} rows`,
    },
  ];
}
