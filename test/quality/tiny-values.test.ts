import { expect, it } from "vitest";
import { runSuite } from "../../src/api/shared/run-suite.ts";

it("the kurtosis of values whose fourth powers vanish ends in a verdict, not in an error of the engine", async () => {
  const rows = [{ x: -0 }, { x: -4.158400847013625e-162 }];
  const report = await runSuite(
    {
      name: "tiny",
      checks: [
        {
          kind: "expect_column_kurtosis_to_be_between",
          params: { column: "x", min_value: -10, max_value: 10 },
          onFail: "warn",
        },
      ],
    },
    rows,
  );
  expect(report.checks).toHaveLength(1);
  expect(report.accepted).toBe(true);
});
