import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableToIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Source } from "../../src/api/shared/table-options.ts";
import { check, createTable, schema, suite } from "../../src/index.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { annotateVariant } from "../support/variant-bytes.ts";
import { newSession } from "../table/hand-made-table.ts";
import { readWritten } from "./judge.ts";
import { arrowTable } from "./spell-arrow.ts";
import { faulty, sound, type VariantCase } from "./variants.ts";

type Case = Partial<VariantCase>;

/** One way for variants to come in, with a row for each case, numbered by `id` from `first`. */
interface VariantSource {
  readonly holds: (one: Case) => boolean;
  readonly source: (cases: readonly Case[], first: number) => Promise<Source>;
  /** Whether rows that do not fit can be set aside (spec/formats.md, "Variants"). */
  readonly setsAside: boolean;
}

const variants = schema().long("id").column("v", "variant");

function fileOf(name: string, content: string | Uint8Array): string {
  const file = join(freshFolder(), name);
  writeFileSync(file, content);
  return file;
}

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const blob = (hex: string) => `unhex('${hex.replaceAll(" ", "")}')`;

const selectOf = (cases: readonly Case[], first: number, value: (one: Case) => string) =>
  cases.map((one, index) => `SELECT ${index + first}::BIGINT AS id, ${value(one)} AS v`).join(" UNION ALL ");

async function parquetOf(select: string): Promise<string> {
  const file = join(freshFolder(), "source.parquet");
  await using session = await newSession();
  await session.execute(unchecked(`COPY (${select}) TO '${file}' (FORMAT parquet)`));
  return file;
}

const partsSql = ({ parts: [metadata, value] = ["", ""] }: Case) =>
  `{'metadata': ${blob(metadata)}, 'value': ${blob(value)}}`;

/** Each shredded into a type of its own, and so in a file of its own. */
async function shreddedFiles(cases: readonly Case[], first: number): Promise<Source> {
  const files: string[] = [];
  for (const [index, { parts = ["", ""], shredded = ["", ""] }] of cases.entries()) {
    const [metadata, [value, typed]] = [blob(parts[0]), shredded];
    // the names of the value and those that are shredded
    const names = metadata === blob("01 00 00") ? blob("01 02 00 01 02 61 62") : metadata;
    const struct = `{'metadata': ${names}, 'value': (${value})::BLOB, 'typed_value': ${typed}}`;
    const file = await parquetOf(`SELECT ${index + first}::BIGINT AS id, ${struct} AS v`);
    annotateVariant(file, "v", 3);
    files.push(file);
  }
  return { parquet: files };
}

const binaryParts: DeltaType = {
  type: "struct",
  fields: ["metadata", "value"].map((name) => ({ name, type: "binary", nullable: true, metadata: {} })),
};

const arrowOf = (cases: readonly Case[], first: number) =>
  arrowTable([
    { name: "id", type: "long", values: cases.map((_, index) => String(index + first)) },
    {
      name: "v",
      type: binaryParts,
      values: cases.map(({ parts: [metadata, value] = ["", ""] }) => ({
        metadata: bytesOf(metadata),
        value: bytesOf(value),
      })),
    },
  ]);

const jsonLines = (cases: readonly Case[], first: number) =>
  cases.map(({ json }, index) => `{"id":${index + first},"v":${json}}\n`).join("");

/** JSON as a value of JavaScript, whole numbers as bigints. */
function jsonValue(json: string): unknown {
  return /^-?\d+$/.test(json) ? BigInt(json) : JSON.parse(json);
}

const sources: Readonly<Record<string, VariantSource>> = {
  rows: {
    // JSON.parse() keeps the last of two names
    holds: ({ json }) => json !== undefined && !/"a".*"a"/.test(json),
    source: async (cases, first) =>
      cases.map(({ json = "" }, index) => ({ id: index + first, v: jsonValue(json) })) as Source,
    setsAside: true,
  },
  ndjson: {
    holds: ({ json }) => json !== undefined,
    source: async (cases, first) => ({ ndjson: fileOf("source.ndjson", jsonLines(cases, first)) }),
    setsAside: true,
  },
  sql: {
    holds: ({ sql }) => sql !== undefined,
    source: async (cases, first) => ({ sql: selectOf(cases, first, ({ sql = "" }) => sql) }),
    setsAside: true,
  },
  "parquet in two columns": {
    holds: ({ parts }) => parts !== undefined,
    source: async (cases, first) => ({ parquet: await parquetOf(selectOf(cases, first, partsSql)) }),
    setsAside: true,
  },
  "parquet annotated": {
    holds: ({ parts }) => parts !== undefined,
    source: async (cases, first) => {
      const parquet = await parquetOf(selectOf(cases, first, partsSql));
      annotateVariant(parquet, "v");
      return { parquet };
    },
    setsAside: false,
  },
  "parquet shredded": {
    holds: ({ shredded }) => shredded !== undefined,
    source: shreddedFiles,
    setsAside: false,
  },
  "arrow table": {
    holds: ({ parts }) => parts !== undefined,
    source: async (cases, first) => arrowOf(cases, first),
    setsAside: true,
  },
  "arrow file": {
    holds: ({ parts }) => parts !== undefined,
    source: async (cases, first) => ({
      arrow: fileOf("source.arrow", tableToIPC(arrowOf(cases, first), "file")),
    }),
    setsAside: true,
  },
  table: {
    holds: ({ parts, stored }) => parts !== undefined && !(stored instanceof RegExp),
    source: async (cases, first) => {
      const parquet = await parquetOf(selectOf(cases, first, partsSql));
      return await createTable(join(freshFolder(), "other"), { source: { parquet }, schema: variants });
    },
    setsAside: false,
  },
};

const casesOf = ({ holds }: VariantSource, of: Readonly<Record<string, Case>>) =>
  Object.entries(of).filter(([, one]) => holds(one));

/** What a table holds by the names of the cases, which its ids count. */
async function stored(folder: string, names: readonly string[]): Promise<Record<string, unknown>> {
  const { rows } = await readWritten(folder);
  return Object.fromEntries(rows.map((row) => [names[Number(row["id"])] ?? String(row["id"]), row["v"]]));
}

const all = Object.entries(sources);

describe("variants from every source", () => {
  it.each(all)("are stored as what they are: %s", async (_, kind) => {
    const cases = casesOf(kind, sound);
    const [names, values] = [cases.map(([name]) => name), cases.map(([, one]) => one)];
    const expected = Object.fromEntries(cases.map(([name, one]) => [name, one.stored]));
    const created = join(freshFolder(), "created");
    await using _created = await createTable(created, {
      source: await kind.source(values, 0),
      schema: variants,
    });
    expect(await stored(created, names)).toEqual(expected);
    const appended = join(freshFolder(), "appended");
    await using table = await createTable(appended, { schema: variants });
    await table.append(await kind.source(values, 0));
    expect(await stored(appended, names)).toEqual(expected);
  });

  it.each(all)("that are JSON come back from quarantine as what they were: %s", async (_, kind) => {
    const cases = casesOf(kind, sound).filter(([, { json }]) => json !== undefined);
    const names = cases.map(([name]) => name);
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: variants });
    const gate = suite("known", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
      maxBadShare: 1,
    });
    await table.append(
      await kind.source(
        cases.map(([, one]) => one),
        -cases.length,
      ),
      { gate },
    );
    await table.quarantine.repair({ all: true }, { id: `id + ${cases.length}` });
    await table.quarantine.resubmit({ all: true });
    expect(await stored(folder, names)).toEqual(
      Object.fromEntries(cases.map(([name, one]) => [name, one.stored])),
    );
  });

  it.each(all.filter(([, kind]) => casesOf(kind, faulty).length > 0))(
    "that no variant of Delta holds are refused by column and row, or set aside: %s",
    async (_, kind) => {
      const gate = suite("aside", [], { onMisfit: "quarantine", maxBadShare: 1 });
      const good: Case = sound["a whole number"] ?? {};
      for (const [name, one] of casesOf(kind, faulty)) {
        const folder = join(freshFolder(), "t");
        await using table = await createTable(folder, { schema: variants });
        const source = async () => await kind.source([good, one], 0);
        const refusal = { code: "SCHEMA_MISMATCH", data: { column: expect.arrayContaining(["v"]) } };
        const refused = table.append(await source());
        await expect(refused, name).rejects.toMatchObject(refusal);
        if (kind.holds({ parts: ["", ""] }))
          await expect(refused, name).rejects.toThrow(one.stored as RegExp);
        const aside = table.append(await source(), { gate });
        if (!kind.setsAside) await expect(aside, name).rejects.toMatchObject(refusal);
        else await aside;
        expect(await stored(folder, ["good"]), name).toEqual(kind.setsAside ? { good: good.stored } : {});
        expect(await table.quarantine.read(), name).toHaveLength(kind.setsAside ? 1 : 0);
        if (!kind.setsAside) continue;
        expect(await table.quarantine.resubmit({ all: true, gate }), name).toMatchObject({
          landed: 0,
          stillBad: 1,
        });
      }
    },
  );
});
