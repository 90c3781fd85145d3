import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mainFile } from "../support/cli.ts";

/** One command of the walk: what a shell was given, what it printed and how it ended. */
export interface Step {
  readonly command: string;
  /** The exit code that the README or the help promises. */
  readonly expected: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const packageFolder = fileURLToPath(new URL("../..", import.meta.url));

const files: Readonly<Record<string, string>> = {
  "may.csv": 'id,customer,amount\n1,acme,10.00\n2,"Zenith, Inc",7.25\n',
  "june.csv": "id,customer,amount\n3,zenith,20.00\n4,zenith,-1.00\n",
  "german.csv": 'id,customer,amount\n5,acme,"7,50"\n',
  "channel.csv": "id,customer,amount,channel\n6,acme,1.00,web\n",
  "array.json": '[\n{"id":7,"customer":"acme","amount":1}\n]\n',
  "values.csv": "8,1.50\n9,2.50\n",
  "nested.ndjson": '{"id":9,"customer":"acme","amount":1,"place":{"city":"Z"}}\n',
  "text.ndjson": '{"id":"nine","customer":"acme","amount":1}\n',
  "suite.json": `{"checks":[{"kind":"expect_column_values_to_be_between",
    "params":{"column":"amount","min_value":0},"onFail":"quarantine"}]}\n`,
  "strict.json": `{"checks":[{"kind":"expect_column_values_to_be_between",
    "params":{"column":"amount","min_value":0},"onFail":"reject"}]}\n`,
  "misspelt.json": `{"checks":[{"kind":"expect_column_values_to_be_betwen",
    "params":{"column":"amount","min_value":0}}]}\n`,
};

/** What a first day goes on with: each says what it did, and how much of it is shown. */
const more = [
  "varve show ./orders",
  "varve profile june.csv",
  "varve diff ./orders 0 --rows --key id --format jsonl",
  "varve history ./orders --rejected",
  "varve create ./values --from values.csv",
  "varve create ./named --from values.csv --names id,amount",
  "varve show ./orders | head -n 2",
];

const preparation = [
  "varve create ./made --from may.csv --quiet",
  "varve show ./made --output may.parquet --quiet",
];

/** Mistakes of a first day, each with the exit code that tells it. */
const mistakes: readonly (readonly [command: string, expected: number])[] = [
  ["varve apend ./orders june.csv", 2],
  ["varve show ./orders@1", 1],
  ["varve show ./orders@2001-01-01", 1],
  ["varve diff ./orders 0 --key id", 2],
  ["varve append ./orders nested.ndjson", 1],
  ["varve append ./orders text.ndjson", 1],
  ["varve show ./orders --where \"amount > 'much'\"", 1],
  ["varve append ./orders values.csv", 1],
  ["varve append ./orders jnue.csv", 1],
  ["varve append ./orders june.csv --suit suite.json", 2],
  ["varve append ./orders channel.csv", 1],
  ["cat german.csv | varve append ./orders -", 2],
  ["cat german.csv | varve append ./orders - --input-format csv", 1],
  ["varve create ./events --from array.json", 1],
  ["varve append ./orders june.csv --suite strict.json", 3],
  ["varve check misspelt.json june.csv", 1],
  ['varve query "SELECT sum(amuont) FROM orders" --table orders=./orders', 1],
  ["varve query \"SELECT * FROM 'june.csv'\" --table orders=./orders", 1],
  ["varve show ./orders@v99", 1],
  ["varve show ./orders --output ./nowhere/orders.csv", 2],
  ['varve quarantine repair ./orders --set "amount=abs(amount)"', 2],
];

/**
 * Follows the README as a newcomer does, in an empty folder with the built package installed: the tours of the
 * library and of the command line word for word, then mistakes.
 */
export function walk(): readonly Step[] {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-newcomer-"));
  try {
    install(folder);
    writeFileSync(join(folder, "tour.mjs"), block("ts", "createTable"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const run = (command: string, expected = 0): Step => {
      const { status, stdout, stderr } = shell(folder, command);
      return { command, expected, code: status, stdout, stderr };
    };
    return [
      ...preparation.map((command) => run(command)),
      ...tour().map((command) => run(command)),
      run("varve append ./orders june.csv --suite suite.json --batch-id orders-2024-06"),
      ...more.map((command) => run(command)),
      run("rm -r ./orders ./orders-test && node tour.mjs"),
      ...mistakes.map(([command, expected]) => run(command, expected)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The steps as a person would have seen them. */
export function transcript(steps: readonly Step[]): string {
  return steps
    .map(({ command, expected, code, stdout, stderr }) => {
      const end = code === expected ? `[exit ${code}]` : `[exit ${code}, expected ${expected}]`;
      return `$ ${command}\n${stdout}${stderr}${end}\n`;
    })
    .join("\n");
}

/** Makes `varve` a command of the shell and a package that programs can import, beside the demo's data. */
export function install(folder: string): void {
  for (const name of ["bin", "node_modules"]) mkdirSync(join(folder, name));
  const command = join(folder, "bin", "varve");
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${mainFile}" "$@"\n`);
  chmodSync(command, 0o755);
  symlinkSync(packageFolder, join(folder, "node_modules", "varve"));
  symlinkSync(
    join(packageFolder, "node_modules", "vega-datasets"),
    join(folder, "node_modules", "vega-datasets"),
  );
}

/** Runs a text as a shell does, with `varve` among its commands. */
export function shell(folder: string, text: string) {
  return spawnSync("sh", ["-c", text], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, PATH: `${join(folder, "bin")}${delimiter}${process.env["PATH"] ?? ""}` },
  });
}

/** The commands of the README's tour, as they stand. */
function tour(): readonly string[] {
  return block("sh", "varve create ./orders")
    .split("\n")
    .filter((line) => line.startsWith("varve "));
}

function block(language: string, containing: string): string {
  const blocks = readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"));
  for (const [, text] of blocks) if (text?.includes(containing)) return text;
  throw new Error(`README.md has no ${language} block with ${containing}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const steps = walk();
  process.stdout.write(transcript(steps));
  process.exitCode = steps.every(({ code, expected }) => code === expected) ? 0 : 1;
}
