import { castTo } from "./casts.ts";
import { lowered, raised } from "./letter-case.ts";
import {
  anyOf,
  failsInOrder,
  intKinds,
  literalTerm,
  type Parameter,
  type Rule,
  type Term,
  term,
  typed,
} from "./term.ts";

const text: Parameter = { kinds: ["string"] };
const textOrBinary: Parameter = { kinds: ["string", "binary"] };
const int: Parameter = { kinds: intKinds };
/** What `concat` casts to text. */
const writable: Parameter = {
  kinds: ["string", "void", "byte", "short", "integer", "long", "boolean", "date", "decimal"],
};
const caseDomain = "letters whose case is known to map to the same";
/** Text as Spark counts it: in code points. */
export const textRules: readonly Rule[] = [
  {
    names: ["length", "char_length", "character_length", "len"],
    forms: [
      {
        takes: [textOrBinary],
        build: ([x]) =>
          x && typed("integer", `${x.type === "binary" ? "octet_length" : "length"}(${x.sql})`, x.fails),
      },
    ],
  },
  {
    names: ["octet_length"],
    forms: [
      { takes: [textOrBinary], build: ([x]) => x && typed("integer", `octet_length(${blob(x)})`, x.fails) },
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
  ...["trim", "ltrim", "rtrim"].map(
    (name): Rule => ({
      names: [name],
      forms: [{ takes: [text], build: (args) => strictText(args, ([x]) => `${name}(${x}, ' ')`) }],
    }),
  ),
  {
    names: ["btrim"],
    forms: [
      { takes: [text], build: (args) => strictText(args, ([x]) => `trim(${x}, ' ')`) },
      {
        takes: [text, text],
        build: (args) =>
          strictText(
            args,
            ([x, characters]) => `CASE WHEN ${characters} = '' THEN ${x} ELSE trim(${x}, ${characters}) END`,
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
        build: (args) => strictText(args, ([x, sought]) => `replace(${x}, ${sought}, '')`),
      },
      {
        takes: [text, text, text],
        build: (args) => strictText(args, ([x, sought, other]) => `replace(${x}, ${sought}, ${other})`),
      },
    ],
  },
  { names: ["concat"], forms: [{ takes: [writable, writable], repeats: true, build: concatenated }] },
  { names: ["concat_ws"], forms: [{ takes: [text, text], repeats: true, build: joinedWith }] },
  {
    names: ["reverse"],
    forms: [{ takes: [text], build: (args) => strictText(args, ([x = ""]) => reversed(x)) }],
  },
  ...["startswith", "endswith", "contains"].map(
    (name): Rule => ({
      names: [name],
      forms: [
        {
          takes: [text, text],
          build: (args) => compare(args, ([x, y]) => `${engineName(name)}(${x}, ${y})`),
        },
      ],
    }),
  ),
  {
    names: ["instr"],
    forms: [
      { takes: [text, text], build: (args) => typedInteger(args, ([x, sought]) => `instr(${x}, ${sought})`) },
    ],
  },
  {
    names: ["position", "locate"],
    forms: [
      { takes: [text, text], build: (args) => typedInteger(args, ([sought, x]) => `instr(${x}, ${sought})`) },
    ],
  },
  {
    names: ["ascii"],
    forms: [
      {
        takes: [text],
        build: (args) => typedInteger(args, ([x]) => `CASE WHEN ${x} = '' THEN 0 ELSE unicode(${x}) END`),
      },
    ],
  },
  {
    names: ["md5"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", `md5(${blob(x)})`, x.fails) }],
  },
  {
    names: ["sha1", "sha"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", `sha1(${blob(x)})`, x.fails) }],
  },
  {
    names: ["sha2"],
    forms: [
      {
        takes: [textOrBinary, { kinds: ["integer"], constants: ["256"] }],
        build: ([x, bits]) =>
          x && bits?.literal?.value === "256" ? term("string", `sha256(${blob(x)})`, x.fails) : undefined,
      },
    ],
  },
  {
    names: ["hex"],
    forms: [{ takes: [textOrBinary], build: ([x]) => x && term("string", `hex(${blob(x)})`, x.fails) }],
  },
];

function engineName(name: string): string {
  return name === "startswith" ? "starts_with" : name === "endswith" ? "ends_with" : name;
}

function blob(x: Term): string {
  return x.type === "binary" ? x.sql : `encode(${x.sql})`;
}

type Compute = (args: readonly string[]) => string;

function strictText(args: readonly Term[], compute: Compute): Term {
  return term("string", compute(args.map(({ sql }) => sql)), failsInOrder(args));
}

function compare(args: readonly Term[], compute: Compute): Term {
  return term("boolean", compute(args.map(({ sql }) => sql)), failsInOrder(args));
}

function typedInteger(args: readonly Term[], compute: Compute): Term {
  return typed("integer", compute(args.map(({ sql }) => sql)), failsInOrder(args));
}

/**
 * The length that Spark takes where none is given: from a position far before a text, it ends before the text
 * does.
 */
const longest = literalTerm({ kind: "literal", type: "integer", value: "2147483647" });

const wide = ({ sql }: Term): string => `CAST(${sql} AS BIGINT)`;

/**
 * Positions count from 1, 0 is the first too, and negative ones from the end: what lies before the text takes
 * of the length.
 */
function part(x: Term, start: Term, length: Term): Term {
  const first = `CASE WHEN ${start.sql} > 0 THEN ${wide(start)} - 1 WHEN ${start.sql} < 0 THEN length(${x.sql}) + ${wide(start)} ELSE 0 END`;
  const from = `greatest(${first}, 0)`;
  const end = `least((${first}) + ${wide(length)}, 2147483647)`;
  const sql = `substring(${x.sql}, ${from} + 1, greatest(${end} - ${from}, 0))`;
  const missing = `${start.sql} IS NULL OR ${length.sql} IS NULL`;
  return term("string", `CASE WHEN ${missing} THEN NULL ELSE ${sql} END`, failsInOrder([x, start, length]));
}

function leftPart(x: Term, count: Term): Term {
  const sql = `CASE WHEN ${count.sql} IS NOT NULL THEN substring(${x.sql}, 1, greatest(${wide(count)}, 0)) END`;
  return term("string", sql, failsInOrder([x, count]));
}

function rightPart(x: Term, count: Term): Term {
  const from = `greatest(length(${x.sql}) - ${wide(count)}, 0) + 1`;
  const sql = `CASE WHEN ${count.sql} <= 0 AND ${x.sql} IS NOT NULL THEN '' WHEN ${count.sql} IS NULL THEN NULL ELSE substring(${x.sql}, ${from}) END`;
  return term("string", sql, failsInOrder([x, count]));
}

/** Null as soon as one part is. */
function concatenated(args: readonly Term[]): Term | undefined {
  const parts = args.map((arg) => castTo(arg, "string"));
  if (!parts.every((arg) => arg !== undefined)) return undefined;
  return term("string", parts.map(({ sql }) => sql).join(" || "), anyOf(parts.map(({ fails }) => fails)));
}

/** Parts that are null are left out; null if the separator is. */
function joinedWith(args: readonly Term[]): Term {
  return term(
    "string",
    `concat_ws(${args.map(({ sql }) => sql).join(", ")})`,
    anyOf(args.map(({ fails }) => fails)),
  );
}

/** By code points; the engine's own function keeps combining marks with their letters. */
function reversed(x: string): string {
  const slow = `array_to_string(list_transform(range(length(${x}), 0, -1), i -> substring(${x}, i, 1)), '')`;
  return `CASE WHEN length(${x}) = octet_length(encode(${x})) THEN reverse(${x}) ELSE ${slow} END`;
}
