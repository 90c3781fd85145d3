import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";
import { mainFile } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-examples-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The examples of the help of each command, in their order. */
function examples(
  command: Command,
  path = "varve",
): readonly (readonly [path: string, lines: readonly string[]])[] {
  let help = "";
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  const lines = [...help.matchAll(/^ {2}\$ (.*)$/gm)].flatMap(([, line]) => line ?? []);
  const own = lines.length === 0 || command.parent?.parent != null ? [] : [[path, lines] as const];
  return [...own, ...command.commands.flatMap((each) => examples(each, `${path} ${each.name()}`))];
}

const cells = (from: number, count: number): string =>
  `id,origin,delay,month\n${Array.from({ length: count }, (_, index) => `${from + index},ABC,${index},2001-06`).join("\n")}\n`;

const suite = {
  maxBadShare: 1,
  checks: [
    {
      id: "possible-delay",
      kind: "expect_column_values_to_be_between",
      params: { column: "delay", max_value: 5 },
      onFail: "quarantine",
    },
  ],
};

function sh(command: string, cwd: string) {
  const path = `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`;
  return spawnSync("sh", ["-c", command], { cwd, encoding: "utf8", env: { ...process.env, PATH: path } });
}

beforeAll(() => {
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "varve"), `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`, {
    mode: 0o755,
  });
  const start = join(folder, "start");
  mkdirSync(join(start, "in"), { recursive: true });
  for (const [index, name] of ["january", "february", "march", "april", "june", "all"].entries()) {
    writeFileSync(join(start, `${name}.csv`), cells(index * 100, 24));
    expect(
      sh(
        `varve create ./${name} --from ${name}.csv && varve show ./${name} -o ${name}.parquet && gzip -k ${name}.csv && rm -r ./${name}`,
        start,
      ),
    ).toMatchObject({ status: 0 });
  }
  writeFileSync(join(start, "suite.json"), JSON.stringify(suite));
  writeFileSync(join(start, "scores.csv"), "id,seen,score\n1,2001-06-01T00:00:00Z,0.5\n");
  writeFileSync(join(start, "labels.csv"), "id,at,late\n1,2001-06-03T00:00:00Z,true\n");
  const late = (id: number) => `${id % 3 === 0}`;
  const scored = Array.from(
    { length: 60 },
    (_, id) => `${id},${id % 2 ? "ABC" : "DEF"},${(id % 10) / 10},${id % 7},${id % 5},${late(id)}`,
  );
  writeFileSync(join(start, "scored.csv"), `id,origin,risk,expected,delay,late\n${scored.join("\n")}\n`);
  const predicted = Array.from({ length: 60 }, (_, id) => `${id},${(id % 10) / 10},${id % 7}`);
  writeFileSync(join(start, "predicted.csv"), `id,risk,expected\n${predicted.join("\n")}\n`);
  const arrived = Array.from({ length: 50 }, (_, id) => `${id},${late(id)}`);
  writeFileSync(join(start, "arrived.csv"), `id,late\n${arrived.join("\n")}\n`);
  const known = Array.from(
    { length: 400 },
    (_, id) => `${id},${(id % 10) / 10},${id % 7},${id % 5},${id % 10 > id % 7}`,
  );
  writeFileSync(join(start, "known.csv"), `id,risk,expected,delay,late\n${known.join("\n")}\n`);
  const rescored = Array.from({ length: 400 }, (_, id) => `${id},${id % 10 > id % 7 ? 0.9 : 0.1}`);
  writeFileSync(join(start, "rescored.csv"), `id,risk\n${rescored.join("\n")}\n`);
  writeFileSync(join(start, "june.jsonl"), '{"id":900,"origin":"ABC","delay":1,"month":"2001-06"}\n');
  writeFileSync(join(start, "correct.sql"), "DELETE FROM flights WHERE id = 1;\n");
  const steps = [
    "cp april.parquet in/",
    "mkdir -p exports exports-by-day/day=2001-06-01",
    "cp june.parquet exports && cp june.parquet exports-by-day/day=2001-06-01",
    "varve create ./flights --from january.parquet --property delta.enableChangeDataFeed=true",
    "varve append ./flights february.csv --suite suite.json --batch-id flights-2001-02",
    "varve append ./flights march.csv --suite suite.json --batch-id flights-2001-01",
    "for month in april june all; do varve append ./flights $month.csv; done",
    "varve create ./scores --from scores.csv",
    "varve create ./labels --from labels.csv",
    "varve schema ./flights --format json > schema.json",
    "cp -r ./flights ./orders",
  ];
  for (const step of steps) expect(sh(step, start)).toMatchObject({ status: 0, stderr: "" });
});

const onePrediction = `varve ledger create ./predictions && echo '{"predictionId":"p1","inputs":{"table":"./flights@v0","key":{"id":5}},"output":0.25}' | varve ledger record ./predictions`;

/** What must be there before a command's examples. */
const before: Readonly<Record<string, string>> = {
  "varve create": "rm -r ./flights ./orders",
  varve: "rm -r ./flights",
  "varve lineage": onePrediction,
  "varve overwrite": "varve create ./by-month --from june.csv --partition-by month",
  "varve reproduce": onePrediction,
  "varve runs": `varve run --input ./flights --name nightly --run-id nightly-7 -- sh -c 'echo "{\\"mae\\": 2.5}" > $VARVE_METRICS'`,
  "varve verify":
    "varve fingerprint ./flights --record && varve clone ./flights ./flights-copy --deep && varve fingerprint ./flights@v0 --content > january.txt",
  "varve staged": "varve stage ./flights june.csv --id 2001-02 && varve stage ./flights all.csv --id 2001-03",
};

/** Examples that cannot run here: addresses that are made up, and ids of rows that differ each time. */
const madeUp = /s3:\/\/|https:\/\/|--id 3f2a91c07b1e/;

describe("every example of the help runs as it stands", () => {
  for (const [path, lines] of examples(buildProgram())) {
    it(path, () => {
      const own = join(folder, path.replaceAll(" ", "-"));
      cpSync(join(folder, "start"), own, { recursive: true });
      if (before[path] !== undefined) expect(sh(before[path], own)).toMatchObject({ status: 0 });
      for (const line of lines.filter((text) => !madeUp.test(text))) {
        const { status, stdout, stderr } = sh(line, own);
        expect({ line, status, stdout, stderr }).toMatchObject({ line, status: 0 });
      }
    });
  }
});
