import { describe, expect, it } from "vitest";
import { seed } from "../support/seed.ts";
import { fuzz } from "./fuzz.ts";

/** Mutations of logs; of sources, which take ten times longer, a part. */
const runs = Number(process.env["VARVE_RUNS"] ?? 1000);

describe("damage", () => {
  it.each([
    ["logs", 1, "give a typed error or an answer, never a crash"],
    ["arrow", 1, "give a typed error or what apache-arrow reads, in bounded time, and leave nothing open"],
    ["csv", 5, "give a typed error that names the file, or the cells that another reader finds"],
    ["ndjson", 2, "give a typed error that names the file, or the values of JSON.parse"],
    ["parquet", 5, "give a typed error that names the file, or what hyparquet reads"],
  ] as const)(`of %s, one in %i of ${runs} mutations: they %s`, async (target, share, _promise) => {
    const count = Math.ceil(runs / share);
    const report = await fuzz({ target, seed, runs: count });
    expect(report.failures).toEqual([]);
    expect(report.answered + report.refused).toBe(count);
    // Damage that is never noticed, or always, would test nothing.
    expect(Math.min(report.answered, report.refused)).toBeGreaterThan(count / 25);
  });
});
