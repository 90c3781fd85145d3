import { describe, expect, it } from "vitest";
import { drift, driftCause, estimate, evaluate } from "../../src/index.ts";

type Columns = Parameters<typeof driftCause>[0]["columns"];

const column = (
  name: string,
  role: Columns[number]["role"],
  verdict: Columns[number]["verdict"],
): Columns[number] => ({
  column: name,
  role,
  verdict,
  slice: null,
  window: null,
});

const quiet = [column("a", "feature", "none"), column("y", "target", "none"), column("p", "score", "none")];
const apart = {
  metric: "roc_auc",
  realised: { value: 0.7, low: 0.68, high: 0.72 },
  estimated: { value: 0.8, low: 0.78, high: 0.82, calibrationError: 0.001 },
};

describe("driftCause", () => {
  it("names one cause, the most urgent", () => {
    const moved = [column("a", "feature", "drift"), column("y", "target", "drift")];
    expect(driftCause({ columns: quiet }).cause).toBe("none");
    expect(driftCause({ columns: moved })).toMatchObject({
      cause: "inputs",
      text: "The inputs changed: a moved.",
    });
    expect(driftCause({ columns: moved, performance: apart }).cause).toBe("relation");
    const broken = [...moved, column("b", "feature", "broken")];
    expect(driftCause({ columns: broken, performance: apart })).toMatchObject({
      cause: "data_broken",
      because: ["b broke"],
    });
    expect(
      driftCause({ columns: [column("a", "feature", "none"), column("y", "target", "drift")] }).cause,
    ).toBe("target_mix");
    expect(driftCause({ columns: [column("p", "score", "drift")] }).text).toContain("no watched feature did");
  });

  it("does not take for another relation what the errors explain", () => {
    const near = { ...apart, realised: { value: 0.77, low: 0.75, high: 0.79 } };
    expect(driftCause({ columns: quiet, performance: near }).cause).toBe("none");
    const unsure = { ...apart, estimated: { ...apart.estimated, calibrationError: 0.04 } };
    expect(driftCause({ columns: quiet, performance: unsure }).cause).toBe("none");
    const unknown = { ...apart, realised: { value: null, low: null, high: null } };
    expect(driftCause({ columns: quiet, performance: unknown }).cause).toBe("none");
  });

  it("believes the slope of calibration only where the features are quiet and both intervals are apart", () => {
    const slope = (value: number, half: number) => ({ value, low: value - half, high: value + half });
    const calibration = { baseline: slope(1, 0.05), current: slope(0.5, 0.2) };
    expect(driftCause({ columns: quiet, calibration }).cause).toBe("relation");
    expect(driftCause({ columns: [column("a", "feature", "drift")], calibration }).cause).toBe("inputs");
    const noisy = { ...calibration, current: slope(0.8, 0.3) };
    expect(driftCause({ columns: quiet, calibration: noisy }).cause).toBe("none");
  });

  it("leaves out slices and windows", () => {
    const slice = { ...column("a", "feature", "drift"), slice: { key: "country", value: "DE" } };
    expect(driftCause({ columns: [slice] }).cause).toBe("none");
  });

  it("finds a planted change of the relation in rows whose features are those of the baseline", async () => {
    const rows = (from: number, isTurned: boolean) =>
      Array.from({ length: 2000 }, (_, index) => {
        const id = from + index;
        const risk = ((id * 7919) % 1000) / 1000;
        const chance = ((id * 104729) % 997) / 997;
        return { id, risk, late: isTurned && risk > 0.5 ? chance < 0.35 : chance < risk };
      });
    const [baseline, same, turned] = [rows(0, false), rows(2000, false), rows(2000, true)];
    const causeOf = async (current: typeof baseline) => {
      const { columns } = await drift(baseline, current, {
        exclude: ["id"],
        roles: { risk: "score", late: "target" },
      });
      const { windows } = await estimate(current, { baseline, score: "risk", target: "late" });
      const { metrics } = await evaluate(current, { problem: "binary", score: "risk", target: "late" });
      const estimated = windows[0]?.metrics.roc_auc;
      const realised = metrics["roc_auc"];
      if (estimated === undefined || realised === undefined) throw new Error("no area under the curve");
      return driftCause({ columns, performance: { metric: "roc_auc", realised, estimated } });
    };
    expect((await causeOf(same)).cause).toBe("none");
    expect(await causeOf(turned)).toMatchObject({ cause: "relation" });
  });
});
