import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { createTable, query, schema, type Table } from "../../src/index.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";

export const eventLoopWorkloads: readonly Workload[] = [{ name: "event-loop", run: eventLoop }];

const rows = 5000;

/**
 * The longest block of the event loop while many queries of one table run at once, beside what is allowed.
 */
async function eventLoop({ folder, runs }: BenchContext): Promise<Figure[]> {
  const table = await createTable(join(folder, "table"), { schema: schema().long("id").string("text") });
  await table.append(Array.from({ length: rows }, (_, id) => ({ id, text: `row ${id}` })));
  await crowd(table, 10);
  const figures: Figure[] = [];
  for (const queries of [100, 300]) {
    const blocks: number[] = [];
    for (let run = 0; run < runs; run++) blocks.push(await longestBlock(() => crowd(table, queries)));
    figures.push({
      what: `longest block of the event loop, ${queries} queries at once`,
      note: `median of ${runs}`,
      seconds: blocks.sort((left, right) => left - right)[blocks.length >> 1] ?? 0,
      baseline: { what: "what is allowed", seconds: 0.1 },
      ...(queries === 100 ? { limit: { atMost: 1 } } : {}),
    });
  }
  await table.close();
  return figures;
}

async function crowd(table: Table, queries: number): Promise<void> {
  const work = Array.from({ length: queries }, async (_, at) => {
    const result = await query(`SELECT count(*) AS n, max(text) AS last FROM t WHERE id >= ${at}`, {
      tables: { t: table },
    });
    for await (const row of result.rows())
      if (row["n"] !== BigInt(rows - at)) throw new Error(`query ${at} counted ${row["n"]} rows`);
  });
  await Promise.all(work);
}

/**
 * The longest time in seconds between two turns of the event loop, less what the thread waited for a
 * processor meanwhile: what other programs of the machine do is none of the engine's doing. Where the system
 * does not tell, nothing is taken off.
 */
async function longestBlock(work: () => Promise<void>): Promise<number> {
  const waiting = processorWait();
  let longest = 0;
  let [last, lastWaited] = [performance.now(), waiting.milliseconds()];
  const timer = setInterval(() => {
    const [now, waited] = [performance.now(), waiting.milliseconds()];
    longest = Math.max(longest, now - last - (waited - lastWaited));
    [last, lastWaited] = [now, waited];
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
    waiting.close();
  }
  return longest / 1000;
}

/** Milliseconds that the main thread was ready to run and had no processor, as Linux counts them. */
function processorWait(): { readonly milliseconds: () => number; readonly close: () => void } {
  if (process.platform !== "linux") return { milliseconds: () => 0, close: () => undefined };
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  const buffer = Buffer.alloc(128);
  const milliseconds = () => {
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.toString("latin1", 0, length).split(" ")[1]) / 1e6;
  };
  return { milliseconds, close: () => closeSync(file) };
}
