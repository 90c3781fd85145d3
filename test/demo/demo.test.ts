import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedDelay } from "../../bench/demo/delay-model.ts";
import { openLedger, openRuns, openTable, query } from "../../src/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("the demo on real flights", () => {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-demo-"));
  const place = join(folder, "flights-model");
  const flights = join(place, "flights");
  const model = () => JSON.parse(readFileSync(join(place, "model.json"), "utf8"));
  let printed = "";

  beforeAll(() => {
    const args = ["--import", "tsx", "bench/demo/main.ts", "--folder", join(folder, "flights")];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    expect(`${stderr}${status}`).toBe("0");
    printed = stdout;
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("says that the prediction is the same, made by a model that is the same when it is trained again", () => {
    expect(printed).toMatch(/^made by run [0-9a-f-]+; trained again on its pin: the same model$/m);
    const [, then, now] = /said then: (.*)\nsays now: {2}(.*): the same\n/.exec(printed) ?? [];
    expect(then).toMatch(/^\{"delay":\d+\.\d+\}$/);
    expect(now).toBe(then);
    expect(printed).toContain("version 0 is kept by spring");
    expect(printed).toMatch(/^reading version 0: .* does not exist.* The pin spring keeps version 0/m);
  });

  it("says which columns moved month by month, how the error of a model went, and writes both as a page", () => {
    expect(printed).toMatch(/^No drift in 36 comparisons\.$/m);
    expect(printed).toMatch(/^effect of +2001-01 +2001-02 .* 2001-06$/m);
    expect(printed).toMatch(/^delay +0\.00 +0\.04 +0\.03 +0\.04 +0\.06 +0\.05$/m);
    expect(printed).toMatch(/^2001-01 +508,\d{3} +30\.\d\d +29\.\d\d to 30\.\d\d +30\.\d\d$/m);
    expect(printed).toMatch(/^2001-06 +502,\d{3} +36\.\d\d /m);
    const page = readFileSync(join(folder, "flights-drift.html"), "utf8");
    expect(page).toMatch(/delay in 2001-\d\d does not drift/);
    expect(page).toContain("root mean square error of the delay, in minutes");
  });

  it("leaves predictions that anybody can reproduce, although their rows and version are gone", async () => {
    const ledger = await openLedger(join(place, "predictions"));
    const tables = { p: ledger.uri };
    await using result = await query("SELECT prediction_id AS id FROM p ORDER BY id", { tables });
    const ids: string[] = [];
    for await (const { id } of result.rows()) ids.push(String(id));
    expect(ids).toHaveLength(106);
    for (const id of [ids[0] ?? "", ids[52] ?? "", ids.at(-1) ?? ""]) {
      const { inputs, rerun, ...states } = await ledger.reproduce(id, {
        model: (flight) => ({ delay: expectedDelay(model(), flight) }),
      });
      expect(inputs).toMatchObject([{ version: 0, pin: "spring", data: [{ origin: "HNL" }] }]);
      expect(states).toMatchObject({ model: "same", code: "same" });
      expect(rerun).toMatchObject({ matches: true });
    }
    await using table = await openTable(flights);
    expect(await table.count("origin = 'HNL'")).toBe(0);
    await expect((await table.at(0)).count("delay > 0")).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
    expect(await table.pins.check()).toMatchObject([{ name: "spring", state: "sound" }]);
  });

  it("trains the model that least squares have: what it does not explain is independent of every term", async () => {
    const { coefficients, flights: rows, deviation } = model();
    const terms = ["1", "hour(date)", "hour(date) ** 2", "(isodow(date) > 5)::INT", "distance"];
    const expected = terms.map((term, index) => `${coefficients[index]} * ${term}`).join(" + ");
    const left = `(delay - (${expected}))`;
    const sums = terms.map((term) => `avg(${left} * ${term}) / stddev_pop(delay) / avg(${term})`);
    await using result = await query(
      `SELECT count(*) AS rows, sqrt(avg(${left} ** 2)) AS deviation, [${sums.join(", ")}] AS left FROM t`,
      { tables: { t: `${flights}@spring` } },
    );
    for await (const row of result.rows()) {
      expect(Number(row["rows"])).toBe(rows);
      expect(Number(row["deviation"])).toBeCloseTo(deviation, 6);
      for (const value of row["left"] as number[]) expect(Math.abs(value)).toBeLessThan(1e-9);
    }
    const [run] = await (await openRuns(flights)).list({ name: "delays" });
    expect(run).toMatchObject({ status: "complete", inputs: [{ pin: "spring", version: 0 }] });
    expect(run?.metrics).toEqual({ flights: rows, deviation });
  });
});
