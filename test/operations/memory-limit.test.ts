import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { freshFolder } from "./table-folder.ts";

const mebibyte = 2 ** 20;
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Outcome {
  readonly rows?: number;
  readonly quarantined?: number;
  readonly code?: string;
  readonly sufficientLimit?: number;
  readonly peakBytes: number;
}

/** Rows of a shape, as the body of a generator of `count` of them. */
const shapes = {
  texts: {
    columns: 'schema().long("id").string("text")',
    row: "({ id, text: word(id).repeat(35) })",
    bytes: 250,
  },
  "wide texts": {
    columns: 'schema().long("id").string("text")',
    row: "({ id, text: word(id).repeat(3000) })",
    bytes: 20_000,
  },
  "many columns": {
    columns:
      'Array.from({ length: 100 }, (_, at) => "c" + at).reduce((made, name) => made.string(name), schema().long("id"))',
    row: "Object.fromEntries([['id', id], ...Array.from({ length: 100 }, (_, at) => ['c' + at, word(id + at) + ' ' + word(id * at)])])",
    bytes: 1500,
  },
} as const;

interface Job {
  readonly shape: keyof typeof shapes;
  readonly megabytes: number;
  readonly memoryLimit: number;
  /** Rows below this id are set aside. */
  readonly quarantineBelow?: number;
}

/** Appends rows in a process of its own, whose memory is then that of the append. */
function append({
  shape,
  megabytes,
  memoryLimit,
  quarantineBelow,
}: Job): Outcome & { readonly count: number } {
  const { columns, row, bytes } = shapes[shape];
  const count = Math.floor((megabytes * 1e6) / bytes);
  const module = new URL("../../src/index.ts", import.meta.url).href;
  const params = { column: "id", min_value: quarantineBelow };
  const gate = {
    maxBadShare: 1,
    checks: [{ kind: "expect_column_values_to_be_between", params, onFail: "quarantine" }],
  };
  const script = `const { createTable, schema } = await import(${JSON.stringify(module)});
    const word = (id) => ((id * 2654435761) % 2 ** 32).toString(36);
    function* rows() { for (let id = 0; id < ${count}; id++) yield ${row}; }
    const options = { schema: ${columns}, memoryLimit: ${memoryLimit} };
    const table = await createTable(${JSON.stringify(join(freshFolder(), "t"))}, options);
    const outcome = await table.append(rows(), ${quarantineBelow === undefined ? "{}" : JSON.stringify({ gate })}).then(
      (result) => ({ rows: result.rows, quarantined: result.quarantine?.rows ?? 0 }),
      (error) => ({ code: error.code, sufficientLimit: error.data?.sufficientLimit, message: error.message }));
    await table.close();
    console.log(JSON.stringify({ ...outcome, peakBytes: process.resourceUsage().maxRSS * 1024 }));`;
  const loader = import.meta.resolve("tsx");
  const run = spawnSync(process.execPath, ["--import", loader, "--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: root,
  });
  expect(run.stderr).toBe("");
  return { ...(JSON.parse(run.stdout) as Outcome), count };
}

describe("rows that are larger than the memory limit", () => {
  it("240 MB of texts land at 64 MiB, and the process takes the limit and 512 MiB at most", () => {
    const { rows, count, peakBytes } = append({ shape: "texts", megabytes: 240, memoryLimit: 64 * mebibyte });
    expect(rows).toBe(count);
    expect(peakBytes).toBeLessThan((64 + 512) * mebibyte);
  });

  it.each(["wide texts", "many columns"] as const)(
    "%s for which it is too small say which limit does, and it does",
    (shape) => {
      const job = { shape, megabytes: 60 };
      const refused = append({ ...job, memoryLimit: 64 * mebibyte });
      expect(refused.code).toBe("MEMORY_LIMIT_TOO_SMALL");
      const sufficient = refused.sufficientLimit ?? 0;
      expect(sufficient).toBeLessThan(512 * mebibyte);
      const { rows, count, peakBytes } = append({ ...job, memoryLimit: sufficient });
      expect(rows).toBe(count);
      expect(peakBytes).toBeLessThan(sufficient + 512 * mebibyte);
    },
  );

  it("a batch of which many rows are set aside lands, at 64 MiB or at the limit that its failure names", () => {
    const job: Job = { shape: "texts", megabytes: 240, memoryLimit: 64 * mebibyte, quarantineBelow: 100_000 };
    const first = append(job);
    const last =
      first.code === undefined ? first : append({ ...job, memoryLimit: first.sufficientLimit ?? 0 });
    expect(last.code).toBeUndefined();
    expect([last.rows, last.quarantined]).toEqual([last.count - 100_000, 100_000]);
  });
});
