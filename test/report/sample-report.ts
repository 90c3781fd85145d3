import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import type { CheckReport } from "../../src/report/check-report.ts";

const base: Omit<CheckResult, "id" | "kind" | "message" | "success"> = {
  level: "row",
  columns: ["delay"],
  severity: "critical",
  onFail: "quarantine",
  reaction: "quarantine",
  considered: 1000,
  unexpected: 0,
  repaired: 0,
  result: {},
  observed: 1,
  sample: [],
  fingerprint: "f",
};

/** A report with a passing, a failing, a warning and an aggregate check, whose data tries to be markup. */
export const sampleReport: CheckReport = {
  suite: { name: "flights <2001>", fingerprint: "0123456789abcdef" },
  source: 'table "a&b" at version 7',
  timestamp: new Date(Date.UTC(2001, 5, 1, 12)),
  accepted: false,
  reasons: ["rows: number of rows must be at least 5000; found 1000"],
  rows: 1000,
  clean: 990,
  quarantined: 10,
  dropped: 0,
  checks: [
    {
      ...base,
      id: "id:unique",
      kind: "expect_column_values_to_be_unique",
      message: "id must be unique",
      success: true,
    },
    {
      ...base,
      id: "delay:between",
      kind: "expect_column_values_to_be_between",
      message: "delay must be between -120 and 1800",
      success: false,
      unexpected: 30,
      observed: 0.97,
      sample: [
        { file: null, row: 3, values: { delay: -1116, origin: "<script>document.title='hacked'</script>" } },
        { file: null, row: 12345, values: { delay: "NaN", origin: null } },
      ],
    },
    {
      ...base,
      id: "origin:warn",
      kind: "expect_column_values_to_match_regex",
      message: "origin must match ^[A-Z]{3}$",
      success: false,
      unexpected: 1,
      reaction: "warn",
      onFail: "warn",
    },
    {
      ...base,
      level: "aggregate",
      id: "rows",
      kind: "expect_table_row_count_to_be_between",
      message: "number of rows must be at least 5000",
      success: false,
      reaction: "reject",
      onFail: "reject",
      considered: null,
      unexpected: null,
      observed: 1000,
    },
  ],
  metrics: [
    {
      name: "row_count",
      points: [0, 1, 2].map((version) => ({
        version,
        timestamp: new Date(version),
        value: 1000 + version * 100,
      })),
    },
    { name: "mean(delay)", points: [{ version: 0, timestamp: new Date(0), value: 7.25 }] },
  ],
  history: [
    {
      version: 2,
      timestamp: new Date(Date.UTC(2001, 5, 1)),
      operation: "WRITE",
      rows: 1000,
      quarantined: 10,
      dropped: 0,
      failedChecks: ["delay:between"],
    },
  ],
};

const hostile =
  "\u001b[31mred\u0000 L\u202eXA first\nsecond \ud800 ]]> </td></script><script>document.title='hacked'</script> \ufffe \u0085";

/**
 * A report in which every text of the data tries to break out: names of the suite, checks, columns, files,
 * metrics, and values.
 */
export const hostileReport: CheckReport = {
  ...sampleReport,
  suite: { name: hostile, fingerprint: "<f>" },
  source: hostile,
  reasons: [hostile],
  checks: [
    {
      ...base,
      id: hostile,
      kind: "expect_column_values_to_be_in_set",
      message: hostile,
      columns: [hostile],
      success: false,
      unexpected: 1,
      sample: [
        {
          file: hostile,
          row: 1,
          values: {
            [hostile]: hostile,
            wide: "x".repeat(50_000),
            nested: { [hostile]: [hostile] },
            שם: "ערך",
          },
        },
        ...Array.from({ length: 19 }, (_, row) => ({
          file: null,
          row,
          values: Object.fromEntries(
            Array.from({ length: 60 }, (_, at) => [
              `a_rather_long_name_${at}`,
              at % 7 === 0 ? null : at * 1234.5,
            ]),
          ),
        })),
      ],
    },
  ],
  metrics: [{ name: `mean(${hostile})`, points: [{ version: 0, timestamp: new Date(0), value: 1 }] }],
  history: [
    {
      version: 1,
      timestamp: new Date(0),
      operation: hostile,
      rows: 1,
      quarantined: 0,
      dropped: 0,
      failedChecks: [hostile, "x".repeat(5000)],
    },
  ],
};
