import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { generator } from "../support/generator.ts";

let session: OpenSession;
beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
});
afterAll(() => session.close());

/** The texts that a check fails, in their order; each text is a row, and nulls are between them. */
async function failing(kind: string, params: JsonObject, texts: readonly string[]): Promise<string[]> {
  const staged = await session.stage(
    { kind: "rows", rows: texts.map((t, id) => ({ id: BigInt(id), t })) },
    {
      columns: [
        { name: "id", type: "BIGINT" },
        { name: "t", type: "VARCHAR" },
      ],
    },
  );
  const made = suite("s", [
    check.expect(`expect_column_values_to_${kind}`, { column: "t", ...params }, { onFail: "quarantine" }),
  ]);
  const verdict = await evaluateGate(session, made, staged, { now: 0, fence: fenceOf(session) });
  const rows = await session.rows(verdict.cleanSql);
  const clean = new Set(rows.map((row) => Number(row["id"])));
  return texts.filter((_, index) => !clean.has(index));
}

type Borders = readonly [
  kind: string,
  params: JsonObject,
  passes: readonly string[],
  fails: readonly string[],
];

/** The borders of each definition of spec/quality.md, "Definitions of text checks". */
const borders: readonly Borders[] = [
  [
    "be_json_parseable",
    {},
    [
      '"\\ud800"',
      '{"\\udc00":[1]}',
      '"\\ud83d\\ude00"',
      "[]",
      " 1 ",
      "-0",
      "1e999",
      '"NaN, ]"',
      '"a,]\\\\ud800"',
    ],
    [
      "[1,]",
      '{"a":1,}',
      "[1,\n]",
      "NaN",
      "[nan]",
      "Infinity",
      "-Infinity",
      '{"a":inf}',
      "",
      " ",
      "01",
      "1.",
      ".5",
    ],
  ],
  [
    "be_json_parseable",
    {},
    ["null", "true", '"\\u0000"'],
    ["+1", "'a'", "{a:1}", "1 2", "[1", '"\t"', "/**/1", "True", '"\\x"', "\\n"],
  ],
  [
    "match_strftime_format",
    { strftime_format: "%Y-%m-%d" },
    ["2024-01-01", "2024-1-1", "0001-01-01", "2024-02-29", "9999-12-31"],
    [
      "24-01-01",
      "024-01-01",
      "12024-01-01",
      " 2024-01-01",
      "2024-01-01 ",
      "2024-01-01\n",
      "2024-01-01x",
      "2023-02-29",
      "2024-13-01",
      "2024-00-10",
      "2024-01-00",
      "2024/01/01",
      "2024-01- 1",
      "",
    ],
  ],
  [
    "match_strftime_format",
    { strftime_format: "%Y%m%d" },
    ["20240131"],
    ["2024131", "2024-01-31", "20240132"],
  ],
  [
    "match_strftime_format",
    { strftime_format: "%d.%m.%y %H:%M:%S.%f" },
    ["31.12.99 23:59:59.999999", "1.2.03 4:5:6.7"],
    [
      "31.12.1999 23:59:59.0",
      "31.12.99 24:00:00.0",
      "31.12.99 23:59:60.0",
      "31.12.99  23:59:59.0",
      "31x12x99 23:59:59.0",
      "31.12.99 23:59:59.1234567",
    ],
  ],
  [
    "match_strftime_format",
    { strftime_format: "%Y-%j" },
    ["2024-366", "2023-365", "2023-1"],
    ["2023-366", "2024-0", "2024-367"],
  ],
  [
    "match_strftime_format",
    { strftime_format: "%a %d %B %Y %I%p %z" },
    ["Mon 01 January 2024 12am +0000", "mon 1 JANUARY 2024 1PM -05:30"],
    [
      "Tue 01 January 2024 12am +0000",
      "Mon 01 Jan 2024 12am +0000",
      "Mon 01 January 2024 13pm +0000",
      "Mon 01 January 2024 12am Z",
    ],
  ],
  [
    "match_strftime_format",
    { strftime_format: "100%% am %-d.%-m." },
    ["100% am 1.2.", "100% am 01.02."],
    ["100 am 1.2.", "100% am 30.2."],
  ],
  [
    "be_castable",
    { type: "DATE" },
    ["2024-01-01", "2024-1-5", "0001-01-01"],
    [
      "2024-01-01junk",
      "2024-01-01 10:00",
      "2024-01-01T00:00:00",
      " 2024-01-01",
      "2024-01-01\n",
      "2024-01-01 BC",
      "2023-02-29",
      "24-01-01",
      "20240101",
      "",
    ],
  ],
  [
    "be_castable",
    { type: "TIMESTAMP" },
    [
      "2024-01-01",
      "2024-01-01 10:00",
      "2024-01-01T10:00:00Z",
      "2024-01-01 10:00:00.123456+02:00",
      "2024-1-1 1:02",
      "2024-01-01 10:00:00-0530",
    ],
    [
      "2024-01-01junk",
      "2024-01-01 24:00:00",
      "2024-01-01 10:00:60",
      "2024-01-01 10:00:00 UTC",
      "2024-01-01 10",
      "12:30",
      "2024",
      "2024-01-01 10:00:00.1234567",
      "2024-01-01 10:00:00+99:99",
      "2024-01-01 10:00:00 ",
      "2024-01-01Z",
    ],
  ],
  [
    "be_dateutil_parseable",
    {},
    ["2024-01-01", "2024-01-01T10:00:00Z"],
    ["01/02/2024", "2024-01-01junk", "Jan 2024"],
  ],
  [
    "be_castable",
    { type: "BIGINT" },
    ["0", "-0", "+1", "007", "9223372036854775807", "-9223372036854775808"],
    ["1_000", "1e3", "1.0", "0x10", " 1", "1 ", "1\n", "9223372036854775808", "", "-", "\uff11", "1,000"],
  ],
  ["be_castable", { type: "INTEGER" }, ["2147483647", "-2147483648"], ["2147483648", "-2147483649", "1_0"]],
  [
    "be_castable",
    { type: "DOUBLE" },
    ["1", "1.", ".5", "-1.5e-3", "1e308", "1e-400", "NaN", "Infinity", "-Infinity"],
    ["1_000", "1e400", "-1e400", "nan", "inf", "1e", ".", "1,5", "0x10", " 1", "1\n", "", "1_0.5"],
  ],
  [
    "be_castable",
    { type: "BOOLEAN" },
    ["true", "FALSE", "t", "F", "yes", "N", "1", "0"],
    ["on", "2", " true", "true\n", "", "wahr"],
  ],
  [
    "have_format",
    { format: "credit_card" },
    [
      "4111111111111111",
      "4111 1111 1111 1111",
      "4111-1111-1111-1111",
      "4222222222222",
      "5555555555554444",
      "2221000000000009",
      "2720990000000007",
      "378282246310005",
      "3782 822463 10005",
      "6011111111111117",
      "6500000000000002",
    ],
    [
      "4111111111111112",
      "4111  1111 1111 1111",
      "4111 1111 1111 1111 ",
      " 4111111111111111",
      "411111111111111",
      "1234567812345670",
      "5555555555554445",
      "555555555555444",
      "2220999999999999",
      "37828224631000",
      "",
      "4111111111111111\n",
      "4111a111111111111",
    ],
  ],
  [
    "have_format",
    { format: "date" },
    ["2024-02-29"],
    ["2023-02-29", "2024-2-29", "2024-02-29 ", "2024-02-29\n"],
  ],
  [
    "have_format",
    { format: "url" },
    [
      "http://foo.com/blah_(wikipedia)#cite-1",
      "https://foo_bar.example.com/",
      "http://u@example.com:8080?q=1",
    ],
    ["http://../", "h://test", "http://.www.foo.bar/", "http://a.b c", "http://a.b/ ", "http://a..", ""],
  ],
  [
    "have_format",
    { format: "url" },
    ["http://\u27a1.ws/\u4a39", "http://\u4f8b\u5b50.\u6d4b\u8bd5", "ftp://localhost", "http://[::1]:80/"],
    ["http://a<b", "http://a|b", "//a.b", "http://", "http://a.b\n"],
  ],
  [
    "have_format",
    { format: "ssn_us" },
    ["111-05-1130", "111051130"],
    ["000-05-1130", "666-05-1130", "900-05-1130", "111-00-1130", "111-05-0000"],
  ],
  [
    "have_format",
    { format: "ipv4" },
    ["0.0.0.0", "255.255.255.255"],
    ["256.0.0.0", "01.0.0.0", "1.2.3", "1.2.3.4\n"],
  ],
  ["match_like_pattern", { like_pattern: "1_0%" }, ["100", "1x0yz"], ["1_1", "x100"]],
  ["match_like_pattern", { like_pattern: "1\\_0%" }, ["1\\x0", "1\\_0 "], ["1_0", "100"]],
  ["match_like_pattern", { like_pattern: "1\\_0\\%", escape: "\\" }, ["1_0%"], ["100%", "1_0x", "1\\_0%"]],
  ["match_like_pattern", { like_pattern: "!!!_%", escape: "!" }, ["!_", "!_x"], ["!x", "!!_"]],
  ["match_regex", { regex: "^\\d+$" }, ["12"], ["12\n", "\u0663", "a"]],
  ["match_regex", { regex: "^\\w+$" }, ["abc_1"], ["Z\u00fcrich", "\u65e5\u672c", "a\n", "a b"]],
  [
    "match_regex",
    { regex: "^\\w+$", flags: "unicode" },
    ["abc_1", "Z\u00fcrich", "\u65e5\u672c", "\u0663"],
    ["a\n", "a b", "a-b"],
  ],
  ["match_regex", { regex: "^\\d+$", flags: "unicode" }, ["12", "\u0663"], ["\u00b2", "x"]],
  ["match_regex", { regex: "\\s", flags: "unicode" }, ["a b", "a\u00a0b", "a\u3000", "\u000b"], ["ab"]],
  [
    "match_regex",
    { regex: "^[^\\s\\d][\\w-]\\D\\S\\W$", flags: "unicode" },
    ["x-x\u00fc-"],
    ["\u0663-x\u00fc-", "x-\u0663\u00fc-", "x-x\u00fc\u00fc"],
  ],
  ["not_match_regex", { regex: "\\d", flags: "unicode" }, ["x"], ["\u0663"]],
  ["match_regex_list", { regex_list: ["^\\w$", "^x"], match_on: "all", flags: "unicode" }, ["x"], ["\u00fc"]],
  ["not_match_regex_list", { regex_list: ["^\\w$"], flags: "unicode" }, ["ab"], ["\u00fc"]],
];

describe("borders of the definitions of text checks", () => {
  it.each(borders)("%s %j", async (kind, params, passes, fails) => {
    expect(await failing(kind, params, [...passes, ...fails])).toEqual(fails);
  });

  it("JSON is what JSON.parse takes, of whatever texts", async () => {
    const next = generator(20_261_128);
    const whole = (below: number) => Math.floor(next() * below);
    const parts = [
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "\\",
      "u",
      "d8",
      "00",
      "NaN",
      "inf",
      "1",
      "-",
      ".",
      "e",
      "null",
      " ",
      "\n",
      '"a"',
      '"\\ud83d"',
      "i",
    ];
    const texts = Array.from({ length: 4000 }, () =>
      Array.from({ length: 1 + whole(7) }, () => parts[whole(parts.length)]).join(""),
    );
    const valid = texts.filter((text) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    });
    const bad = new Set(await failing("be_json_parseable", {}, texts));
    expect(valid.filter((text) => bad.has(text))).toEqual([]);
    expect(texts.filter((text) => !bad.has(text) && !valid.includes(text))).toEqual([]);
    expect(valid.length).toBeGreaterThan(100);
  });

  it("half of a surrogate pair counts as one character in a JSON Schema", async () => {
    const schema = { json_schema: { type: "array", items: { type: "string", minLength: 2, maxLength: 2 } } };
    const passes = ['["\\ud800a"]', '["\\ud83d\\ude00b"]', '["\\\\\\ud800"]', '["ab"]'];
    const fails = ['["\\ud800"]', '["\\ud800\\ud800\\ud800"]', '["\\ud83d\\ude00"]', '["ab",]', "[NaN]"];
    expect(await failing("match_json_schema", schema, [...passes, ...fails])).toEqual(fails);
  });
});

describe("text checks that mean nothing are refused when the suite is defined", () => {
  it.each<[string, JsonObject, RegExp]>([
    ["match_strftime_format", { strftime_format: "%Q" }, /unknown code %Q/],
    ["match_strftime_format", { strftime_format: "%-b" }, /unknown code %-b/],
    ["match_strftime_format", { strftime_format: "%Y %" }, /unknown code %/],
    ["match_strftime_format", { strftime_format: "%d %d" }, /%d twice/],
    ["match_strftime_format", { strftime_format: "2024" }, /no code/],
    ["match_like_pattern", { like_pattern: "a", escape: "ab" }, /one character/],
    ["match_like_pattern", { like_pattern: "a", escape: "" }, /one character/],
    ["match_like_pattern", { like_pattern: "a", escape: "%" }, /one character/],
    ["match_like_pattern", { like_pattern: "a\\b", escape: "\\" }, /before another character/],
    ["match_like_pattern", { like_pattern: "a\\", escape: "\\" }, /before another character/],
    ["match_regex", { regex: "\\bx", flags: "unicode" }, /\\b/],
    ["match_regex", { regex: "[\\W]", flags: "unicode" }, /\\W within brackets/],
    ["match_regex", { regex: "x", flags: "i" }, /unicode/],
  ])("%s %j", (kind, params, message) => {
    expect(() =>
      defineSuite({
        checks: [{ kind: `expect_column_values_to_${kind}`, params: { column: "t", ...params } }],
      }),
    ).toThrow(message);
  });
});
