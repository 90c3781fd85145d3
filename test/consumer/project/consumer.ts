import {
  type AppendOptions,
  createTable,
  isVarveError,
  openTable,
  query,
  type Snapshot,
  schema,
  type Table,
  type WriteResult,
} from "varve";
import { checkHtml, checkText } from "varve/report";
import { memoryStore, type ObjectStore, objectStoreCases } from "varve/store";
import { check, runSuite, suite } from "varve/suite";

/** Every option may be given as `undefined`, which means that it is not given. */
const nothing: AppendOptions = {
  gate: undefined,
  gateOptions: { tables: undefined, functions: undefined, history: undefined },
  quarantine: undefined,
  batchId: undefined,
  txn: undefined,
  mergeSchema: undefined,
  signal: undefined,
};

export async function use(uri: string): Promise<WriteResult> {
  const store: ObjectStore = memoryStore("name");
  await using table: Table = await createTable(uri, {
    schema: schema().long("id", { nullable: false, comment: undefined }).decimal("amount", 12, 2),
    partitionBy: undefined,
    openStore: () => store,
    s3: { region: undefined, credentials: undefined },
  });
  const written = await table.append([{ id: 1n }], nothing);
  const positive = suite("positive", [check.positive("amount", { onFail: "quarantine", where: undefined })]);
  // a table of `varve` goes into a function of `varve/suite`
  const report = await runSuite(positive, table, { name: undefined });
  console.log(checkText(report), checkHtml(await table.suite.check()));
  const before: Snapshot = await table.at({ timestamp: new Date() });
  for await (const row of table.rows({ where: undefined, limit: undefined })) console.log(row["id"]);
  for await (const batch of before.batches()) console.log(batch.numRows);
  await table.quarantine.purge({ before: "2024-01-01", dryRun: undefined });
  await query("SELECT 1", { tables: { t: before, u: table, v: uri }, signal: undefined });
  for (const { run } of objectStoreCases(() => ({ open: async () => [store], raceRounds: undefined })))
    await run();
  return written;
}

interface Order {
  readonly id: bigint;
  readonly customer?: string;
}

class Reading {
  readonly id = 1n;
}

async function* orders(): AsyncGenerator<Order> {
  yield { id: 1n };
}

/** Rows have the types that the caller has for them. */
export async function rowsOfTheirOwnTypes(table: Table, typed: readonly Order[]): Promise<void> {
  await table.append(typed);
  await table.append(new Set(typed));
  await table.append(orders());
  await table.append([new Reading()]);
  // @ts-expect-error an array is no row
  await table.append([[1n, "acme"]]);
  // @ts-expect-error a map is no row
  await table.append([new Map([["id", 1n]])]);
  // @ts-expect-error Arrow batches go in as { arrow }
  await table.append((await table.arrow()).batches);
  // @ts-expect-error text is no source: files are named as { csv } and so on
  await table.append("june.csv");
}

export async function refuse(uri: string): Promise<void> {
  await using table = await openTable(uri, { at: undefined });
  // @ts-expect-error an option of varve's own verbs: it would switch off the tests that the table carries
  await table.append([], { gateReplacesCarried: true });
  // @ts-expect-error a table is made by createTable and openTable alone
  new (Object.getPrototypeOf(table).constructor as typeof Table)();
  // @ts-expect-error what a snapshot holds is not to be changed
  table.snapshot().schema.fields.push();
  // @ts-expect-error the log below a snapshot is varve's own
  table.snapshot().log;
  // @ts-expect-error a misspelt option
  await table.quarantine.read({ batch: "june" });
}

export function codeOf(error: unknown): string | undefined {
  return isVarveError(error, "BATCH_REJECTED", "CONFLICT_CONCURRENT_APPEND") ? error.code : undefined;
}
