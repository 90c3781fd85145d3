import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { castTo, ordinaryDay } from "./casts.ts";
import {
  anyOf,
  failsInOrder,
  intKinds,
  type Parameter,
  type Rule,
  sqlsOf,
  surely,
  type Term,
  term,
  typed,
  wholeKinds,
} from "./term.ts";
import { ordinaryDate } from "./text-casts.ts";

const moment: Parameter = { kinds: ["date", "timestamp", "timestamp_ntz"] };
const clock: Parameter = { kinds: ["timestamp", "timestamp_ntz"] };
const date: Parameter = { kinds: ["date"] };
const int: Parameter = { kinds: intKinds };
const ordinary = "years 1 to 9999";

/** Parts of a date by Spark's names, as the engine computes them of a DATE. */
const dateParts: readonly (readonly [readonly string[], (date: SqlExpression) => SqlExpression])[] = [
  [["year"], (x) => sql`year(${x})`],
  [["quarter"], (x) => sql`quarter(${x})`],
  [["month"], (x) => sql`month(${x})`],
  [["day", "dayofmonth"], (x) => sql`day(${x})`],
  [["dayofweek"], (x) => sql`dayofweek(${x}) + 1`],
  [["weekday"], (x) => sql`isodow(${x}) - 1`],
  [["dayofyear"], (x) => sql`dayofyear(${x})`],
  [["weekofyear"], (x) => sql`week(${x})`],
];

/** Parts of a time of day, in UTC: Spark takes those of its session's zone. */
const clockParts = ["hour", "minute", "second"] as const;
const clockFunctions = { hour: sql`hour`, minute: sql`minute`, second: sql`second` };
const truncUnits: Readonly<Record<string, string>> = {
  year: "year",
  yyyy: "year",
  yy: "year",
  quarter: "quarter",
  month: "month",
  mon: "month",
  mm: "month",
  week: "week",
};
const clockUnits: Readonly<Record<string, string>> = {
  ...truncUnits,
  day: "day",
  dd: "day",
  hour: "hour",
  minute: "minute",
  second: "second",
};
const formats: Readonly<Record<string, string>> = {
  yyyy: "%Y",
  MM: "%m",
  dd: "%d",
  HH: "%H",
  mm: "%M",
  ss: "%S",
};

/** Dates and times. */
export const dateRules: readonly Rule[] = [
  ...dateParts.map(
    ([names, compute]): Rule => ({
      names,
      forms: [{ takes: [moment], domain: ordinary, build: ([x]) => x && datePart(x, compute) }],
    }),
  ),
  ...clockParts.map(
    (name): Rule => ({
      names: [name],
      forms: [
        {
          takes: [clock],
          domain: ordinary,
          build: ([x]) => x && typed("integer", sql`${clockFunctions[name]}(${x.sql})`, x.fails),
        },
      ],
    }),
  ),
  {
    names: ["last_day"],
    forms: [
      { takes: [date], domain: ordinary, build: ([x]) => x && guarded(x, (day) => sql`last_day(${day})`) },
    ],
  },
  {
    names: ["date_add", "dateadd"],
    forms: [{ takes: [date, int], domain: ordinary, build: (args) => shifted(args, "+") }],
  },
  {
    names: ["date_sub"],
    forms: [{ takes: [date, int], domain: ordinary, build: (args) => shifted(args, "-") }],
  },
  ...(["+", "-"] as const).map(
    (name): Rule => ({
      names: [name],
      spell: (_, [x, count]) => `${x} ${name} ${count}`,
      // Text beside a number is a number.
      forms: [{ takes: [date, int], domain: ordinary, exact: true, build: (args) => shifted(args, name) }],
    }),
  ),
  { names: ["datediff", "date_diff"], forms: [{ takes: [date, date], build: (args) => difference(args) }] },
  {
    names: ["unix_date"],
    forms: [{ takes: [date], build: ([x]) => x && typed("integer", days(x), x.fails) }],
  },
  {
    names: ["unix_seconds"],
    forms: [{ takes: [{ kinds: ["timestamp"] }], build: ([x]) => x && epoch(x, 1_000_000) }],
  },
  {
    names: ["unix_millis"],
    forms: [{ takes: [{ kinds: ["timestamp"] }], build: ([x]) => x && epoch(x, 1_000) }],
  },
  {
    names: ["unix_micros"],
    forms: [
      {
        takes: [{ kinds: ["timestamp"] }],
        build: ([x]) => x && term("long", sql`epoch_us(${x.sql})`, x.fails),
      },
    ],
  },
  {
    names: ["unix_timestamp", "to_unix_timestamp"],
    // Unlike unix_seconds, it drops the fraction.
    forms: [
      {
        takes: [{ kinds: ["timestamp"] }],
        build: ([x]) => x && typed("long", sql`epoch_us(${x.sql}) // 1000000`, x.fails),
      },
    ],
  },
  {
    names: ["timestamp_seconds"],
    forms: [
      { takes: [{ kinds: wholeKinds }], domain: ordinary, build: ([x]) => x && castTo(x, "timestamp") },
    ],
  },
  {
    names: ["to_timestamp"],
    forms: [
      {
        takes: [{ kinds: ["date", "timestamp", "timestamp_ntz", "string"] }],
        domain: "text as in a cast",
        build: ([x]) => x && castTo(x, "timestamp"),
      },
    ],
  },
  {
    names: ["add_months"],
    forms: [
      { takes: [date, int], domain: ordinary, build: ([x, count]) => x && count && monthsLater(x, count) },
    ],
  },
  {
    names: ["make_date"],
    forms: [{ takes: [int, int, int], domain: ordinary, build: madeDate }],
  },
  {
    names: ["to_date"],
    forms: [
      {
        takes: [{ kinds: ["date", "timestamp", "timestamp_ntz", "string"] }],
        domain: "text yyyy-MM-dd",
        build: ([x]) => x && castTo(x, "date"),
      },
    ],
  },
  {
    names: ["trunc"],
    forms: [
      {
        takes: [
          date,
          { kinds: ["string"], constants: ["'year'", "'YYYY'", "'quarter'", "'MM'", "'mon'", "'Week'"] },
        ],
        domain: ordinary,
        build: ([x, unit]) => x && truncated(x, unit, truncUnits),
      },
    ],
  },
  {
    names: ["date_trunc"],
    forms: [
      {
        takes: [
          {
            kinds: ["string"],
            constants: ["'year'", "'QUARTER'", "'mm'", "'week'", "'DD'", "'hour'", "'minute'", "'second'"],
          },
          clock,
        ],
        domain: ordinary,
        build: ([unit, x]) => x && truncated(castTo(x, "timestamp") ?? x, unit, clockUnits),
      },
    ],
  },
  {
    names: ["date_format"],
    forms: [
      {
        takes: [
          moment,
          {
            kinds: ["string"],
            constants: [
              "'yyyy-MM'",
              "'yyyyMMdd'",
              "'yyyy-MM-dd HH:mm:ss'",
              "'dd/MM/yyyy'",
              "'HH'",
              "'yyyy-MM-dd-HH'",
            ],
          },
        ],
        domain: ordinary,
        build: ([x, format]) => x && formatted(x, format),
      },
    ],
  },
];

function datePart(x: Term, compute: (date: SqlExpression) => SqlExpression): Term | undefined {
  const day = castTo(x, "date");
  return (
    day && typed("integer", compute(day.sql), anyOf([day.fails, surely(sql`NOT ${ordinaryDate(day.sql)}`)]))
  );
}

function guarded(x: Term, compute: (date: SqlExpression) => SqlExpression): Term {
  return typed("date", compute(x.sql), anyOf([x.fails, surely(sql`NOT ${ordinaryDate(x.sql)}`)]));
}

const days = (arg: Term): SqlExpression => sql`(${arg.sql} - DATE '1970-01-01')`;

function shifted(args: readonly Term[], sign: "+" | "-"): Term | undefined {
  const [x, count] = args;
  if (x === undefined || count === undefined) return undefined;
  const target = sql`(CAST(${days(x)} AS BIGINT) ${sign === "+" ? sql`+` : sql`-`} CAST(${count.sql} AS BIGINT))`;
  const value = sql`CASE WHEN ${ordinaryDay(target)} THEN DATE '1970-01-01' + CAST(${target} AS INTEGER) END`;
  return typed("date", value, failsInOrder([x, count], sql`NOT (${ordinaryDay(target)})`));
}

function difference([end, start]: readonly Term[]): Term | undefined {
  return end && start && typed("integer", sql`(${end.sql} - ${start.sql})`, failsInOrder([end, start]));
}

/** The same day of another month, or its last. */
function monthsLater(x: Term, count: Term): Term {
  const months = sql`(CAST(year(${x.sql}) AS BIGINT) * 12 + month(${x.sql}) - 1 + ${count.sql})`;
  const isKnown = sql`(${ordinaryDate(x.sql)} AND ${months} BETWEEN 12 AND 119999)`;
  const first = sql`make_date(${months} // 12, ${months} % 12 + 1, 1)`;
  const value = sql`CASE WHEN ${isKnown} THEN least(${first} + (day(${x.sql}) - 1)::INTEGER, last_day(${first})) END`;
  return typed("date", value, failsInOrder([x, count], sql`NOT ${isKnown}`));
}

function madeDate(args: readonly Term[]): Term {
  const [year = sql`NULL`, month = sql`NULL`, day = sql`NULL`] = sqlsOf(args);
  const value = sql`TRY_CAST(lpad(CAST(${year} AS VARCHAR), 4, '0') || '-' || ${month} || '-' || ${day} AS DATE)`;
  const isKnown = sql`(${year} BETWEEN 1 AND 9999 AND ${value} IS NOT NULL)`;
  return typed(
    "date",
    sql`CASE WHEN ${year} BETWEEN 1 AND 9999 THEN ${value} END`,
    failsInOrder(args, sql`NOT ${isKnown}`),
  );
}

/** Whole units since 1970, rounded down. */
function epoch(x: Term, micros: number): Term {
  const value = sql`epoch_us(${x.sql})`;
  return typed(
    "long",
    sql`(${value} - ((${value} % ${micros}) + ${micros}) % ${micros}) // ${micros}`,
    x.fails,
  );
}

function truncated(
  x: Term,
  unit: Term | undefined,
  units: Readonly<Record<string, string>>,
): Term | undefined {
  const name = unit?.literal?.value?.toLowerCase() ?? "";
  const engineUnit = Object.hasOwn(units, name) ? units[name] : undefined;
  const day = castTo(x, "date");
  if (engineUnit === undefined || day === undefined) return undefined;
  return typed(
    x.type,
    sql`date_trunc(${quoteText(engineUnit)}, ${x.sql})`,
    anyOf([x.fails, surely(sql`NOT ${ordinaryDate(day.sql)}`)]),
  );
}

/** Patterns of whole fields and plain separators; Java's other letters are left out. */
function formatted(x: Term, format: Term | undefined): Term | undefined {
  const pattern = format?.literal?.value ?? "";
  const parts = pattern.match(/([a-zA-Z])\1*|[-/:. ]/g) ?? [];
  const known = parts.map((part) =>
    /^[-/:. ]$/.test(part) ? part : Object.hasOwn(formats, part) ? formats[part] : undefined,
  );
  if (parts.join("") !== pattern || pattern === "" || !known.every((part) => part !== undefined))
    return undefined;
  const day = castTo(x, "date");
  const local = x.type === "date" ? x.sql : sql`CAST(${x.sql} AS TIMESTAMP)`;
  const fails = anyOf([x.fails, day && surely(sql`NOT ${ordinaryDate(day.sql)}`)]);
  return term("string", sql`strftime(${local}, ${quoteText(known.join(""))})`, fails);
}
