import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { castTo } from "./casts.ts";
import { lowered, raised } from "./letter-case.ts";
import {
  anyOf,
  failsInOrder,
  intKinds,
  literalTerm,
  momentKinds,
  numberKinds,
  type Parameter,
  type Rule,
  sqlsOf,
  type Term,
  term,
  typed,
  wholeKinds,
} from "./term.ts";

const text: Parameter = { kinds: ["string"] };
const textOrBinary: Parameter = { kinds: ["string", "binary"] };
const int: Parameter = { kinds: intKinds };
/** What `concat` casts to text. */
const writable: Parameter = {
  kinds: ["string", "void", ...wholeKinds, "decimal", ...momentKinds, "boolean"],
};
const writableNumber: Parameter = { kinds: [...writable.kinds, "float", "double"] };
const caseDomain = "letters whose case is known to map to the same";
/** Text as Spark counts it: in code points. */
export const textRules: readonly Rule[] = [
  {
    names: ["length", "char_length", "character_length", "len"],
    forms: [
      {
        takes: [textOrBinary],
        build: ([x]) =>
          x &&
          typed("integer", sql`${x.type === "binary" ? sql`octet_length` : sql`length`}(${x.sql})`, x.fails),
      },
      {
        takes: [{ kinds: [...numberKinds, ...momentKinds, "boolean"] }],
        domain: "that of the cast to text",
        build: ([x]) => {
          const written = x && castTo(x, "string");
          return written && typed("integer", sql`length(${written.sql})`, written.fails);
        },
      },
    ],
  },
  {
    names: ["octet_length"],
    forms: [
      {
        takes: [textOrBinary],
        build: ([x]) => x && typed("integer", sql`octet_length(${blob(x)})`, x.fails),
      },
    ],
  },
  {
    names: ["upper", "ucase"],
    forms: [{ takes: [text], domain: caseDomain, build: ([x]) => x && raised(x) }],
  },
  {
    names: ["lower", "lcase"],
    forms: [{ takes: [text], domain: caseDomain, build: ([x]) => x && lowered(x) }],
  },
  ...Object.entries({ trim: sql`trim`, ltrim: sql`ltrim`, rtrim: sql`rtrim` }).map(
    ([name, trim]): Rule => ({
      names: [name],
      forms: [{ takes: [text], build: (args) => strictText(args, (x) => sql`${trim}(${x}, ' ')`) }],
    }),
  ),
  {
    names: ["btrim"],
    forms: [
      { takes: [text], build: (args) => strictText(args, (x) => sql`trim(${x}, ' ')`) },
      {
        takes: [text, text],
        build: (args) =>
          strictText(
            args,
            (x, characters) => sql`CASE WHEN ${characters} = '' THEN ${x} ELSE trim(${x}, ${characters}) END`,
          ),
      },
    ],
  },
  {
    names: ["substring", "substr"],
    forms: [
      { takes: [text, int], build: ([x, start]) => x && start && part(x, start, longest) },
      {
        takes: [text, int, int],
        build: ([x, start, length]) => x && start && length && part(x, start, length),
      },
    ],
  },
  {
    names: ["left"],
    forms: [{ takes: [text, int], build: ([x, count]) => x && count && leftPart(x, count) }],
  },
  {
    names: ["right"],
    forms: [{ takes: [text, int], build: ([x, count]) => x && count && rightPart(x, count) }],
  },
  {
    names: ["replace"],
    forms: [
      {
        takes: [text, text],
        build: (args) => strictText(args, (x, sought) => sql`replace(${x}, ${sought}, '')`),
      },
      {
        takes: [text, text, text],
        build: (args) => strictText(args, (x, sought, other) => sql`replace(${x}, ${sought}, ${other})`),
      },
    ],
  },
  {
    names: ["concat"],
    forms: [
      { takes: [writable, writable], repeats: true, build: concatenated },
      {
        takes: [writableNumber, writableNumber],
        repeats: true,
        domain: "that of the casts of floats",
        build: concatenated,
      },
    ],
  },
  { names: ["concat_ws"], forms: [{ takes: [text, text], repeats: true, build: joinedWith }] },
  {
    names: ["reverse"],
    forms: [{ takes: [text], build: (args) => strictText(args, reversed) }],
  },
  ...Object.entries({ startswith: sql`starts_with`, endswith: sql`ends_with`, contains: sql`contains` }).map(
    ([name, engineName]): Rule => ({
      names: [name],
      forms: [
        {
          takes: [text, text],
          build: (args) => compare(args, (x, y) => sql`${engineName}(${x}, ${y})`),
        },
      ],
    }),
  ),
  {
    names: ["instr"],
    forms: [
      {
        takes: [text, text],
        build: (args) => typedInteger(args, (x, sought) => sql`instr(${x}, ${sought})`),
      },
    ],
  },
  {
    names: ["position", "locate"],
    forms: [
      {
        takes: [text, text],
        build: (args) => typedInteger(args, (sought, x) => sql`instr(${x}, ${sought})`),
      },
    ],
  },
  {
    names: ["ascii"],
    forms: [
      {
        takes: [text],
        build: (args) => typedInteger(args, (x) => sql`CASE WHEN ${x} = '' THEN 0 ELSE unicode(${x}) END`),
      },
    ],
  },
  {
    names: ["md5"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", sql`md5(${blob(x)})`, x.fails) }],
  },
  {
    names: ["sha1", "sha"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", sql`sha1(${blob(x)})`, x.fails) }],
  },
  {
    names: ["sha2"],
    forms: [
      {
        takes: [textOrBinary, { kinds: ["integer"], constants: ["256"] }],
        build: ([x, bits]) =>
          x && bits?.literal?.value === "256" ? term("string", sql`sha256(${blob(x)})`, x.fails) : undefined,
      },
    ],
  },
  {
    names: ["hex"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", sql`hex(${blob(x)})`, x.fails) }],
  },
];

function blob(x: Term): SqlExpression {
  return x.type === "binary" ? x.sql : sql`encode(${x.sql})`;
}

type Compute = (x: SqlExpression, y: SqlExpression, z: SqlExpression) => SqlExpression;

function computed(args: readonly Term[], compute: Compute): SqlExpression {
  const [x = sql`NULL`, y = sql`NULL`, z = sql`NULL`] = sqlsOf(args);
  return compute(x, y, z);
}

function strictText(args: readonly Term[], compute: Compute): Term {
  return term("string", computed(args, compute), failsInOrder(args));
}

function compare(args: readonly Term[], compute: Compute): Term {
  return term("boolean", computed(args, compute), failsInOrder(args));
}

function typedInteger(args: readonly Term[], compute: Compute): Term {
  return typed("integer", computed(args, compute), failsInOrder(args));
}

/**
 * The length that Spark takes where none is given: from a position far before a text, it ends before the text
 * does.
 */
const longest = literalTerm({ kind: "literal", type: "integer", value: "2147483647" });

const wide = (arg: Term): SqlExpression => sql`CAST(${arg.sql} AS BIGINT)`;

/**
 * Positions count from 1, 0 is the first too, and negative ones from the end: what lies before the text takes
 * of the length.
 */
function part(x: Term, start: Term, length: Term): Term {
  const first = sql`CASE WHEN ${start.sql} > 0 THEN ${wide(start)} - 1 WHEN ${start.sql} < 0 THEN length(${x.sql}) + ${wide(start)} ELSE 0 END`;
  const from = sql`greatest(${first}, 0)`;
  const end = sql`least((${first}) + ${wide(length)}, 2147483647)`;
  const value = sql`substring(${x.sql}, ${from} + 1, greatest(${end} - ${from}, 0))`;
  const missing = sql`${start.sql} IS NULL OR ${length.sql} IS NULL`;
  return term(
    "string",
    sql`CASE WHEN ${missing} THEN NULL ELSE ${value} END`,
    failsInOrder([x, start, length]),
  );
}

function leftPart(x: Term, count: Term): Term {
  const value = sql`CASE WHEN ${count.sql} IS NOT NULL THEN substring(${x.sql}, 1, greatest(${wide(count)}, 0)) END`;
  return term("string", value, failsInOrder([x, count]));
}

function rightPart(x: Term, count: Term): Term {
  const from = sql`greatest(length(${x.sql}) - ${wide(count)}, 0) + 1`;
  const value = sql`CASE WHEN ${count.sql} <= 0 AND ${x.sql} IS NOT NULL THEN '' WHEN ${count.sql} IS NULL THEN NULL ELSE substring(${x.sql}, ${from}) END`;
  return term("string", value, failsInOrder([x, count]));
}

/** Null as soon as one part is. */
function concatenated(args: readonly Term[]): Term | undefined {
  const parts = args.map((arg) => castTo(arg, "string"));
  if (!parts.every((arg) => arg !== undefined)) return undefined;
  return term("string", joinSql(sqlsOf(parts), sql` || `), anyOf(parts.map(({ fails }) => fails)));
}

/** Parts that are null are left out; null if the separator is. */
function joinedWith(args: readonly Term[]): Term {
  return term("string", sql`concat_ws(${sqlsOf(args)})`, anyOf(args.map(({ fails }) => fails)));
}

/** By code points; the engine's own function keeps combining marks with their letters. */
function reversed(x: SqlExpression): SqlExpression {
  const slow = sql`array_to_string(list_transform(range(length(${x}), 0, -1), i -> substring(${x}, i, 1)), '')`;
  return sql`CASE WHEN length(${x}) = octet_length(encode(${x})) THEN reverse(${x}) ELSE ${slow} END`;
}
