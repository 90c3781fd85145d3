import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import { asDecimal, commonTerms, narrowLiterals } from "./coercion.ts";
import {
  anyOf,
  failsInOrder,
  intKinds,
  isDecimal,
  isWhole,
  kindOf,
  numberKinds,
  type Parameter,
  type Rule,
  type Term,
  term,
  typed,
  wholeKinds,
} from "./term.ts";

const number: Parameter = { kinds: numberKinds };
const whole: Parameter = { kinds: wholeKinds };
const float: Parameter = { kinds: ["float", "double"] };
const infix = (name: string, [left, right]: readonly string[]): string => `${left} ${name} ${right}`;

const limits: Readonly<Record<string, readonly [SqlExpression, SqlExpression]>> = {
  byte: [sql`-128`, sql`127`],
  short: [sql`-32768`, sql`32767`],
  integer: [sql`-2147483648`, sql`2147483647`],
  long: [sql`-9223372036854775808`, sql`9223372036854775807`],
};

const operators = { "+": sql`+`, "-": sql`-`, "*": sql`*` };

/** Arithmetic of numbers under ANSI: a result that its type does not hold is an error. */
export const numberRules: readonly Rule[] = [
  ...Object.entries(operators).map(
    ([name, symbol]): Rule => ({
      names: [name],
      spell: infix,
      forms: [{ takes: [number, number], build: (args) => arithmetic(symbol, args) }],
    }),
  ),
  { names: ["/"], spell: infix, forms: [{ takes: [number, number], build: quotient }] },
  { names: ["%"], spell: infix, forms: [{ takes: [number, number], build: remainder }] },
  { names: ["mod"], forms: [{ takes: [number, number], build: remainder }] },
  { names: ["div"], spell: infix, forms: [{ takes: [whole, whole], build: integerQuotient }] },
  {
    names: ["negative"],
    spell: (_, [x]) => `-(${x})`,
    forms: [{ takes: [number], build: ([x]) => x && negative(x) }],
  },
  { names: ["positive"], spell: (_, [x]) => `+(${x})`, forms: [{ takes: [number], build: ([x]) => x }] },
  { names: ["abs"], forms: [{ takes: [number], build: ([x]) => x && absolute(x) }] },
  ...bitRules(),
  { names: ["floor"], forms: [{ takes: [number], build: ([x]) => x && wholePart(x, "floor") }] },
  { names: ["ceil", "ceiling"], forms: [{ takes: [number], build: ([x]) => x && wholePart(x, "ceil") }] },
  {
    names: ["round"],
    forms: [
      { takes: [{ kinds: [...wholeKinds, "decimal"] }], build: ([x]) => x && rounded(x, 0) },
      {
        takes: [
          { kinds: [...wholeKinds, "decimal"] },
          { kinds: ["integer"], constants: ["0", "1", "2", "9"] },
        ],
        build: ([x, digits]) => x && rounded(x, Number(digits?.literal?.value ?? -1)),
      },
    ],
  },
  { names: ["sqrt"], forms: [{ takes: [number], build: squareRoot }] },
  { names: ["sign", "signum"], forms: [{ takes: [number], build: sign }] },
  {
    names: ["isnan"],
    forms: [
      {
        takes: [float],
        build: ([x]) => x && term("boolean", sql`coalesce(isnan(${x.sql}), FALSE)`, x.fails),
      },
    ],
  },
];

function bitRules(): Rule[] {
  const symbols: Readonly<Record<string, (left: SqlExpression, right: SqlExpression) => SqlExpression>> = {
    "&": (left, right) => sql`${left} & ${right}`,
    "|": (left, right) => sql`${left} | ${right}`,
    "^": (left, right) => sql`xor(${left}, ${right})`,
  };
  const rules = Object.entries(symbols).map(([name, combine]): Rule => {
    const build = (args: readonly Term[]): Term | undefined => {
      const [left, right] = commonTerms(args, false) ?? [];
      return (
        left && right && typed(left.type, sql`(${combine(left.sql, right.sql)})`, failsInOrder([left, right]))
      );
    };
    return { names: [name], spell: infix, forms: [{ takes: [whole, whole], build }] };
  });
  const inverted: Rule = {
    names: ["~"],
    spell: (_, [x]) => `~(${x})`,
    forms: [{ takes: [whole], build: ([x]) => x && typed(x.type, sql`(~${x.sql})`, x.fails) }],
  };
  return [...rules, inverted];
}

/** `+`, `-` and `*`. */
function arithmetic(symbol: SqlExpression, args: readonly Term[]): Term | undefined {
  const [a, b] = narrowLiterals(args);
  if (a === undefined || b === undefined) return undefined;
  if ((isDecimal(a.type) || isDecimal(b.type)) && isExact(a.type) && isExact(b.type))
    return decimalArithmetic(symbol, a, b);
  const [left, right] = commonTerms([a, b], false) ?? [];
  if (left === undefined || right === undefined) return undefined;
  if (!isWhole(left.type))
    return typed(left.type, sql`(${left.sql} ${symbol} ${right.sql})`, failsInOrder([left, right]));
  return wholeResult(left.type, (wide) => sql`${wide(left)} ${symbol} ${wide(right)}`, [left, right]);
}

const isExact = (type: DeltaType): boolean => isDecimal(type) || isWhole(type);

/** A whole number computed in a wider type, which fails where the narrow one does not hold it. */
function wholeResult(
  type: DeltaType,
  compute: (wide: (arg: Term) => SqlExpression) => SqlExpression,
  args: readonly Term[],
  own?: SqlExpression,
): Term {
  const wider = type === "long" ? sql`HUGEINT` : sql`BIGINT`;
  const value = compute((arg) => sql`CAST(${arg.sql} AS ${wider})`);
  const [low, high] = limits[kindOf(type)] ?? [sql`0`, sql`0`];
  const outside = sql`(${value}) NOT BETWEEN ${low} AND ${high}`;
  const fails = failsInOrder(args, own === undefined ? outside : sql`(${own} OR ${outside})`);
  return { type, sql: sql`TRY_CAST((${value}) AS ${engineTypeText(type)})`, fails };
}

/** Spark's result types (DecimalPrecision); one of more than 38 digits would be rounded, and is left out. */
function decimalArithmetic(symbol: SqlExpression, left: Term, right: Term): Term | undefined {
  const [a, b] = [asDecimal(left.type), asDecimal(right.type)];
  const product = symbol === operators["*"];
  const scale = product ? a.scale + b.scale : Math.max(a.scale, b.scale);
  const digits = product
    ? a.precision + b.precision - scale
    : Math.max(a.precision - a.scale, b.precision - b.scale);
  const type: DeltaType = { type: "decimal", precision: digits + scale + 1, scale };
  if (type.precision > 38) return undefined;
  // The engine multiplies two short decimals in 64 bits.
  const factor: DeltaType = { ...a, precision: 38 - b.precision };
  const [x, y] = [castTo(left, product ? factor : type), castTo(right, product ? b : type)];
  return x && y && typed(type, sql`(${x.sql} ${symbol} ${y.sql})`, failsInOrder([left, right]));
}

/** Spark looks at the divisor first: where it is null, the dividend is not evaluated. */
function failsDividing(
  dividend: Term,
  divisor: Term,
  own: SqlExpression = sql`FALSE`,
): SqlExpression | undefined {
  const isZero = sql`${dividend.sql} IS NOT NULL AND (${divisor.sql} = 0 OR ${own})`;
  return failsInOrder([divisor, dividend], isZero);
}

/** `/` of all numbers but decimals. */
function quotient(args: readonly Term[]): Term | undefined {
  const [left, right] = narrowLiterals(args);
  if (left === undefined || right === undefined) return undefined;
  if ((isDecimal(left.type) || isDecimal(right.type)) && isExact(left.type) && isExact(right.type))
    return undefined;
  const [x, y] = [castTo(left, "double"), castTo(right, "double")];
  return (
    x && y && term("double", sql`CASE WHEN ${y.sql} <> 0 THEN ${x.sql} / ${y.sql} END`, failsDividing(x, y))
  );
}

function remainder(args: readonly Term[]): Term | undefined {
  const [left, right] = commonTerms(args, true) ?? [];
  if (left === undefined || right === undefined || isDecimal(left.type)) return undefined;
  const wide = (arg: Term): SqlExpression =>
    isWhole(left.type) ? sql`CAST(${arg.sql} AS HUGEINT)` : sql`CAST(${arg.sql} AS DOUBLE)`;
  const value = sql`CASE WHEN ${right.sql} <> 0 THEN ${wide(left)} % ${wide(right)} END`;
  return typed(left.type, value, failsDividing(left, right));
}

function integerQuotient(args: readonly Term[]): Term | undefined {
  const [left, right] = args.map((arg) => castTo(arg, "long"));
  if (left === undefined || right === undefined) return undefined;
  const value = sql`CASE WHEN ${right.sql} <> 0 THEN CAST(${left.sql} AS HUGEINT) // CAST(${right.sql} AS HUGEINT) END`;
  const overflow = sql`(${right.sql} = -1 AND ${left.sql} = (-9223372036854775808)::BIGINT)`;
  return {
    type: "long",
    sql: sql`TRY_CAST(${value} AS BIGINT)`,
    fails: failsDividing(left, right, overflow),
  };
}

/** Spark negates decimals in 34 digits, and fails for those that this makes longer. */
const isNegatable = ({ type }: Term): boolean => !isDecimal(type) || type.precision <= 34;

function negative(x: Term): Term | undefined {
  if (!isNegatable(x)) return undefined;
  if (isWhole(x.type)) return wholeResult(x.type, (wide) => sql`-(${wide(x)})`, [x]);
  return typed(x.type, sql`(-${x.sql})`, x.fails);
}

function absolute(x: Term): Term | undefined {
  if (!isNegatable(x)) return undefined;
  if (isWhole(x.type)) return wholeResult(x.type, (wide) => sql`abs(${wide(x)})`, [x]);
  return typed(x.type, sql`abs(${x.sql})`, x.fails);
}

/**
 * Doubles become bigints, as Java's cast does it: NaN is 0, and what is beyond a bigint is the nearest one.
 */
function wholePart(x: Term, name: "floor" | "ceil"): Term | undefined {
  if (isWhole(x.type)) return castTo(x, "long");
  const part = name === "floor" ? sql`floor` : sql`ceil`;
  if (isDecimal(x.type)) {
    if (x.type.scale === 0) return x;
    const type: DeltaType = {
      type: "decimal",
      precision: Math.min(x.type.precision - x.type.scale + 1, 38),
      scale: 0,
    };
    return typed(type, sql`${part}(${x.sql})`, x.fails);
  }
  const value = sql`CAST(${x.sql} AS DOUBLE)`;
  const cases = [
    sql`WHEN isnan(${value}) THEN 0`,
    sql`WHEN ${value} >= 9223372036854775807::DOUBLE THEN 9223372036854775807`,
    sql`WHEN ${value} <= (-9223372036854775808)::DOUBLE THEN (-9223372036854775808)::BIGINT`,
  ];
  return typed(
    "long",
    sql`CASE ${joinSql(cases, sql` `)} ELSE TRY_CAST(${part}(${value}) AS BIGINT) END`,
    x.fails,
  );
}

function rounded(x: Term, digits: number): Term | undefined {
  if (!Number.isInteger(digits) || digits < 0) return undefined;
  if (!isDecimal(x.type)) return x;
  const scale = Math.min(x.type.scale, digits);
  const precision = Math.min(x.type.precision - x.type.scale + 1 + scale, 38);
  return castTo(x, { type: "decimal", precision, scale });
}

function squareRoot([x]: readonly Term[]): Term | undefined {
  const value = x && castTo(x, "double");
  return (
    value &&
    term(
      "double",
      sql`CASE WHEN ${value.sql} < 0 THEN 'NaN'::DOUBLE ELSE sqrt(${value.sql}) END`,
      value.fails,
    )
  );
}

function sign([x]: readonly Term[]): Term | undefined {
  const value = x && castTo(x, "double");
  if (value === undefined) return undefined;
  const expression = sql`CASE WHEN isnan(${value.sql}) OR ${value.sql} = 0 THEN ${value.sql} WHEN ${value.sql} > 0 THEN 1 ELSE -1 END`;
  return typed(
    "double",
    sql`CASE WHEN ${value.sql} IS NOT NULL THEN ${expression} END`,
    anyOf([value.fails]),
  );
}

const exact: Parameter = { kinds: ["byte", "short", "integer", "long", "decimal"] };
const double: Parameter = { kinds: ["double"] };
const shiftable: Parameter = { kinds: ["integer", "long"] };
const int: Parameter = { kinds: intKinds };

const tried = {
  try_add: (args: readonly Term[]) => arithmetic(operators["+"], args),
  try_subtract: (args: readonly Term[]) => arithmetic(operators["-"], args),
  try_multiply: (args: readonly Term[]) => arithmetic(operators["*"], args),
  try_divide: (args: readonly Term[]) => quotient(args) ?? decimalQuotient(args),
};

/** Division of decimals, shifts, and arithmetic that is null where it fails. */
export const moreNumberRules: readonly Rule[] = [
  {
    names: ["/"],
    spell: (_, [x, y]) => `${x} / ${y}`,
    forms: [{ takes: [exact, exact], build: decimalQuotient }],
  },
  ...Object.entries(tried).map(
    ([name, compute]): Rule => ({
      names: [name],
      forms: [{ takes: [number, number], build: (args) => nullFor(args, compute) }],
    }),
  ),
  { names: ["shiftleft"], forms: [{ takes: [shiftable, int], build: (args) => shifted(args, "left") }] },
  { names: ["shiftright"], forms: [{ takes: [shiftable, int], build: (args) => shifted(args, "right") }] },
  {
    names: ["round"],
    forms: [
      { takes: [double], domain: "up to 10^15", build: ([x]) => x && roundedDouble(x, 0) },
      {
        takes: [double, { kinds: ["integer"], constants: ["0", "1", "2"] }],
        domain: "up to 10^15",
        build: ([x, digits]) => x && roundedDouble(x, Number(digits?.literal?.value ?? -1)),
      },
    ],
  },
];

/** What fails in its arguments fails still; what fails in the function is null. */
function nullFor(
  args: readonly Term[],
  compute: (own: readonly Term[]) => Term | undefined,
): Term | undefined {
  const result = compute(args.map((arg) => ({ ...arg, fails: undefined })));
  if (result === undefined) return undefined;
  const value =
    result.fails === undefined ? result.sql : sql`CASE WHEN ${result.fails} THEN NULL ELSE ${result.sql} END`;
  return typed(result.type, value, failsInOrder(args));
}

/** Spark's type and digits of a quotient of decimals, rounded half up; one of more than 38 digits is left out. */
function decimalQuotient(args: readonly Term[]): Term | undefined {
  const [x, y] = narrowLiterals(args);
  if (x === undefined || y === undefined || !(isDecimal(x.type) || isDecimal(y.type))) return undefined;
  const [a, b] = [asDecimal(x.type), asDecimal(y.type)];
  const scale = Math.max(6, a.scale + b.precision + 1);
  const type: DeltaType = { type: "decimal", precision: a.precision - a.scale + b.scale + scale, scale };
  const shift = scale - a.scale + b.scale;
  // Its digits, which are doubled to round, must fit in the engine's widest whole number.
  const widths = [a.precision + shift + 1, a.precision + a.scale + 1, b.precision + b.scale + 1];
  if (type.precision > 38 || widths.some((width) => width > 37)) return undefined;
  const dividend = sql`(abs(${digitsOf(x, a)}) * CAST(${10n ** BigInt(shift)} AS HUGEINT))`;
  const divisor = digitsOf(y, b);
  const rounded = sql`CAST((${dividend} * 2 + abs(${divisor})) // (abs(${divisor}) * 2) AS VARCHAR)`;
  const digits = sql`(repeat('0', greatest(${scale + 1} - length(${rounded}), 0)) || ${rounded})`;
  const sign = sql`CASE WHEN (${x.sql} < 0) <> (${y.sql} < 0) THEN '-' ELSE '' END`;
  const text = sql`${sign} || left(${digits}, length(${digits}) - ${scale}) || '.' || right(${digits}, ${scale})`;
  const value = sql`CASE WHEN ${y.sql} <> 0 THEN ${text} END`;
  return { type, sql: sql`TRY_CAST(${value} AS ${engineTypeText(type)})`, fails: failsDividing(x, y) };
}

/** The digits of a decimal or a whole number, without a point. The engine multiplies short decimals in 64 bits. */
function digitsOf({ sql: value }: Term, { scale }: DecimalType): SqlExpression {
  const decimal = sql`CAST(${value} AS DECIMAL(${37 - scale},${scale}))`;
  return sql`CAST(${decimal} * CAST(${10n ** BigInt(scale)} AS DECIMAL(${scale + 1},0)) AS HUGEINT)`;
}

/** As Java shifts: by as many places as the type has bits at most, and dropping what goes beyond it. */
function shifted([x, count]: readonly Term[], way: "left" | "right"): Term | undefined {
  if (x === undefined || count === undefined || !isWhole(x.type)) return undefined;
  const bits = x.type === "long" ? 64 : 32;
  const wide = sql`CAST(${x.sql} AS HUGEINT)`;
  const factor = sql`(CAST(1 AS HUGEINT) << (${count.sql} & ${bits - 1}))`;
  const size = sql`(CAST(1 AS HUGEINT) << ${bits})`;
  const floor = (value: SqlExpression, by: SqlExpression) => sql`((${value} % ${by}) + ${by}) % ${by}`;
  const half = sql`(CAST(1 AS HUGEINT) << ${bits - 1})`;
  const value =
    way === "right"
      ? sql`(${wide} - (${floor(wide, factor)})) // ${factor}`
      : sql`(${floor(sql`(${wide} * ${factor} + ${half})`, size)}) - ${half}`;
  return typed(x.type, value, failsInOrder([x, count]));
}

/** By the digits that Java writes of it, half up. */
function roundedDouble(x: Term, digits: number): Term | undefined {
  if (!Number.isInteger(digits) || digits < 0 || digits > 15) return undefined;
  const decimal = castTo({ ...x, fails: undefined }, { type: "decimal", precision: 38, scale: digits });
  if (decimal === undefined) return undefined;
  const value = sql`CASE WHEN isfinite(${x.sql}) THEN CAST(CAST(${decimal.sql} AS VARCHAR) AS DOUBLE) ELSE ${x.sql} END`;
  return typed("double", value, anyOf([x.fails, decimal.fails]));
}
