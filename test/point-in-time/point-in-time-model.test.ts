import { expect, it } from "vitest";
import { createTable, pointInTime, schema } from "../../src/index.ts";
import fc from "../support/fast-check.ts";

/** Times and keys are few, so that many rows share them. */
const times = fc.integer({ min: 0, max: 12 });
const keys = fc.option(fc.integer({ min: 0, max: 3 }));
const feature = fc.record({
  id: keys,
  part: fc.constantFrom("p", "q"),
  time: fc.option(times),
  a: fc.option(fc.constantFrom(-0, 0, 1, Number.NaN)),
  b: fc.option(fc.constantFrom("", "x", "y")),
});
const entity = fc.record({ id: keys, time: fc.option(times) });
const kinds = fc.constantFrom("timestamp", "timestamp_ntz", "date");

type Feature = typeof feature extends fc.Arbitrary<infer T> ? T : never;
type Kind = typeof kinds extends fc.Arbitrary<infer T> ? T : never;

const start = Date.UTC(2024, 0, 1);
const dayMilliseconds = 86_400_000;

function timeOf(kind: Kind, time: number | null): string | null {
  if (time === null) return null;
  const text = new Date(start + time * dayMilliseconds).toISOString();
  return kind === "date" ? text.slice(0, 10) : kind === "timestamp" ? text : text.slice(0, -1);
}

/** By the columns in the schema's order, nulls last, the largest first; NaN is the largest, and 0 is above -0. */
function larger(left: Feature, right: Feature): Feature {
  const rank = ({ part, a, b }: Feature): readonly (number | string)[] => {
    const value = a === null ? -1e9 : Number.isNaN(a) ? 1e9 : a;
    return [part, value, b === null ? "" : `:${b}`, Object.is(a, -0) ? 1 : 0];
  };
  const [one, other] = [rank(left), rank(right)];
  const index = one.findIndex((value, position) => value !== other[position]);
  return index < 0 || (one[index] ?? 0) > (other[index] ?? 0) ? left : right;
}

function latest(
  features: readonly Feature[],
  { id, time }: { readonly id: number | null; readonly time: number | null },
  ttl: number | undefined,
): Feature | undefined {
  const known = features.filter(
    (row) => id !== null && row.id === id && row.time !== null && time !== null && row.time <= time,
  );
  const newest = Math.max(...known.map((row) => row.time ?? 0));
  const tied = known.filter((row) => row.time === newest);
  return ttl !== undefined && (time ?? 0) - newest > ttl
    ? undefined
    : tied.reduce((a, b) => larger(a, b), tied[0] as Feature);
}

it("joins as a model in memory does, however the rows are spread over files", async () => {
  const batches = fc.array(fc.array(feature, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 3 });
  const scenario = fc.record({
    batches,
    entities: fc.array(entity, { minLength: 1, maxLength: 10 }),
    ttl: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
    kind: kinds,
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ batches: rows, entities, ttl, kind }) => {
      const columns = schema().integer("id").string("part");
      const timed =
        kind === "date"
          ? columns.date("time")
          : kind === "timestamp"
            ? columns.timestamp("time")
            : columns.timestampNtz("time");
      await using table = await createTable(`memory://model-${crypto.randomUUID()}`, {
        schema: timed.double("a").string("b"),
        partitionBy: ["part"],
      });
      for (const batch of rows)
        await table.append(batch.map((row) => ({ ...row, time: timeOf(kind, row.time) })));
      const { result } = await pointInTime({
        entities: entities.map((row, n) => ({ n, key: row.id, at: timeOf(kind, row.time) })),
        time: "at",
        features: [
          {
            table,
            eventTime: "time",
            keys: { key: "id" },
            ttl: ttl === undefined ? undefined : `${ttl}d`,
            columns: ["a", "b", "part"],
          },
        ],
      });
      const answers: unknown[] = [];
      for await (const { n, a, b, part } of result.rows()) answers.push([Number(n), a, b, part]);
      const expected = entities.map((row, n) => {
        const match = latest(rows.flat(), row, ttl);
        return [n, match?.a ?? null, match?.b ?? null, match?.part ?? null];
      });
      expect(answers).toEqual(expected);
    }),
    { numRuns: 25, endOnFailure: true },
  );
});
