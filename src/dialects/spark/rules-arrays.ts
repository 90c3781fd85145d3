import { isPrimitive } from "../../schema/type-names.ts";
import type { ArrayType, DeltaType, MapType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import {
  anyOf,
  type Form,
  failsInOrder,
  intKinds,
  type Parameter,
  type Rule,
  sqlsOf,
  surely,
  type Term,
  type TypeKind,
  term,
  typed,
} from "./term.ts";

const array: Parameter = { kinds: ["array"] };
const map: Parameter = { kinds: ["map"] };
const text: Parameter = { kinds: ["string"] };
const int: Parameter = { kinds: intKinds };
/** The engine joins with a constant only. */
const separator: Parameter = { kinds: ["string"], constants: ["','", "''", "' - '"] };
const itemKinds: readonly TypeKind[] = ["string", "integer"];
const item: Parameter = { kinds: itemKinds };

/** Proofs compare arrays by their text. */
const spellAsText = (name: string, args: readonly string[]): string =>
  `CAST(${name}(${args.join(", ")}) AS STRING)`;

/** Functions that make arrays of arrays, or look into them. */
export const arrayRules: readonly Rule[] = [
  { names: ["concat"], spell: spellAsText, forms: [{ takes: [array, array], repeats: true, build: joined }] },
  { names: ["reverse"], spell: spellAsText, forms: [oneArray((x) => sql`list_reverse(${x.sql})`)] },
  { names: ["array_distinct"], spell: spellAsText, forms: [oneArray((x) => distinct(x.sql))] },
  {
    names: ["array_compact"],
    spell: spellAsText,
    forms: [oneArray(({ sql: x }) => where(x, (each) => sql`${each} IS NOT NULL`))],
  },
  {
    names: ["sort_array"],
    spell: spellAsText,
    forms: [
      oneArray((x) => sql`list_sort(${x.sql}, 'ASC', 'NULLS FIRST')`),
      {
        takes: [array, { kinds: ["boolean"], constants: ["true", "false"] }],
        build: ([x, ascending]) =>
          x &&
          typed(
            x.type,
            ascending?.literal?.value === "true"
              ? sql`list_sort(${x.sql}, 'ASC', 'NULLS FIRST')`
              : sql`list_sort(${x.sql}, 'DESC', 'NULLS LAST')`,
            x.fails,
          ),
      },
    ],
  },
  {
    names: ["array_sort"],
    spell: spellAsText,
    forms: [oneArray((x) => sql`list_sort(${x.sql}, 'ASC', 'NULLS LAST')`)],
  },
  { names: ["array_max"], forms: [{ takes: [array], build: ([x]) => x && elementOf(x, sql`list_max`) }] },
  { names: ["array_min"], forms: [{ takes: [array], build: ([x]) => x && elementOf(x, sql`list_min`) }] },
  { names: ["array_union"], spell: spellAsText, forms: [{ takes: [array, array], build: union }] },
  {
    names: ["array_except"],
    spell: spellAsText,
    forms: [{ takes: [array, array], build: (args) => selected(args, false) }],
  },
  {
    names: ["array_intersect"],
    spell: spellAsText,
    forms: [{ takes: [array, array], build: (args) => selected(args, true) }],
  },
  { names: ["arrays_overlap"], forms: [{ takes: [array, array], build: overlap }] },
  { names: ["array_remove"], spell: spellAsText, forms: [{ takes: [array, item], build: removed }] },
  { names: ["array_position"], forms: [{ takes: [array, item], build: positionOf }] },
  { names: ["array_prepend"], spell: spellAsText, forms: [{ takes: [array, item], build: prepended }] },
  {
    names: ["array_join"],
    forms: [
      { takes: [array, separator], build: joinedText },
      { takes: [array, separator, text], build: joinedText },
    ],
  },
  {
    names: ["get"],
    forms: [{ takes: [array, int], build: ([x, index]) => x && index && itemAt(x, index, 0) }],
  },
  {
    names: ["try_element_at"],
    forms: [
      { takes: [array, { kinds: ["integer"], constants: ["1", "3", "-1", "-4"] }], build: tryElementAt },
    ],
  },
  {
    names: ["slice"],
    spell: spellAsText,
    forms: [{ takes: [array, int, int], domain: "lengths up to 10^9", build: slice }],
  },
  {
    names: ["map_keys"],
    spell: spellAsText,
    forms: [{ takes: [map], build: ([x]) => x && partsOf(x, "keyType") }],
  },
  {
    names: ["map_values"],
    spell: spellAsText,
    forms: [{ takes: [map], build: ([x]) => x && partsOf(x, "valueType") }],
  },
  {
    names: ["map_entries"],
    spell: spellAsText,
    forms: [{ takes: [map], build: ([x]) => x && entriesOf(x) }],
  },
  { names: ["map_contains_key"], forms: [{ takes: [map, item], build: containsKey }] },
];

function arrayType({ type }: Term): ArrayType | undefined {
  return !isPrimitive(type) && type.type === "array" ? type : undefined;
}

function mapType({ type }: Term): MapType | undefined {
  return !isPrimitive(type) && type.type === "map" ? type : undefined;
}

function isSame(left: DeltaType, right: DeltaType): boolean {
  return engineTypeText(left) === engineTypeText(right);
}

function oneArray(build: (x: Term) => SqlExpression): Form {
  return { takes: [array], build: ([x]) => x && typed(x.type, build(x), x.fails) };
}

/** The elements that meet a condition. */
function where(list: SqlExpression, condition: (element: SqlExpression) => SqlExpression): SqlExpression {
  return sql`list_filter(${list}, ${lambda("x", condition)})`;
}

function contains(list: SqlExpression, element: SqlExpression): SqlExpression {
  const same = lambda("y", (other) => sql`${other} IS NOT DISTINCT FROM ${element}`);
  return surely(sql`list_bool_or(list_transform(${list}, ${same}))`);
}

/** The first of each element, of which null is one. */
function distinct(list: SqlExpression): SqlExpression {
  const at = (index: SqlExpression) => sql`list_extract(${list}, ${index})`;
  const isFirst = (index: SqlExpression) =>
    sql`NOT ${contains(sql`list_slice(${list}, 1, ${index} - 1)`, at(index))}`;
  const indexes = sql`range(1, CAST(len(${list}) AS BIGINT) + 1)`;
  const kept = sql`list_filter(${indexes}, ${lambda("i", isFirst)})`;
  return sql`list_transform(${kept}, ${lambda("i", at)})`;
}

function sameArrays(args: readonly Term[]): ArrayType | undefined {
  const [first] = args;
  const type = first && arrayType(first);
  return type !== undefined && args.every((arg) => isSame(arg.type, type)) ? type : undefined;
}

function isNull(args: readonly Term[]): SqlExpression {
  return joinSql(
    args.map((arg) => sql`${arg.sql} IS NULL`),
    sql` OR `,
  );
}

function joined(args: readonly Term[]): Term | undefined {
  const type = sameArrays(args);
  if (type === undefined) return undefined;
  const value = sql`CASE WHEN ${isNull(args)} THEN NULL ELSE flatten([${sqlsOf(args)}]) END`;
  return typed(type, value, anyOf(args.map(({ fails }) => fails)));
}

function union(args: readonly Term[]): Term | undefined {
  const all = joined(args);
  return all && typed(all.type, distinct(all.sql), failsInOrder(args));
}

/** The distinct elements of an array that are in another, or are not. */
function selected(args: readonly Term[], isIn: boolean): Term | undefined {
  const [x, other] = args;
  const type = sameArrays(args);
  if (type === undefined || x === undefined || other === undefined) return undefined;
  const kept = where(distinct(x.sql), (element) => {
    const found = contains(other.sql, element);
    return isIn ? found : sql`NOT ${found}`;
  });
  return typed(type, sql`CASE WHEN ${isNull(args)} THEN NULL ELSE ${kept} END`, failsInOrder(args));
}

/** Null where only a null could be what both have. */
function overlap(args: readonly Term[]): Term | undefined {
  const [x, other] = args;
  if (sameArrays(args) === undefined || x === undefined || other === undefined) return undefined;
  const common = where(x.sql, (element) => sql`${element} IS NOT NULL AND ${contains(other.sql, element)}`);
  const hasNull = ({ sql: list }: Term) => sql`len(${list}) > list_count(${list})`;
  const isOpen = sql`len(${x.sql}) > 0 AND len(${other.sql}) > 0 AND (${hasNull(x)} OR ${hasNull(other)})`;
  const value = sql`CASE WHEN ${isNull(args)} THEN NULL WHEN len(${common}) > 0 THEN TRUE WHEN ${isOpen} THEN NULL ELSE FALSE END`;
  return term("boolean", value, failsInOrder(args));
}

/** An array, and a value of its elements' type. */
function withItem([x, sought]: readonly Term[]): readonly [Term, ArrayType, Term] | undefined {
  const type = x && arrayType(x);
  if (x === undefined || type === undefined || sought === undefined) return undefined;
  return isSame(sought.type, type.elementType) ? [x, type, sought] : undefined;
}

function removed(args: readonly Term[]): Term | undefined {
  const [x, type, sought] = withItem(args) ?? [];
  if (x === undefined || type === undefined || sought === undefined) return undefined;
  const kept = where(x.sql, (element) => sql`(${element} = ${sought.sql}) IS NOT TRUE`);
  return typed(type, sql`CASE WHEN ${sought.sql} IS NOT NULL THEN ${kept} END`, failsInOrder([x, sought]));
}

function positionOf(args: readonly Term[]): Term | undefined {
  const [x, , sought] = withItem(args) ?? [];
  if (x === undefined || sought === undefined) return undefined;
  const value = sql`CASE WHEN ${isNull([x, sought])} THEN NULL ELSE coalesce(list_position(${x.sql}, ${sought.sql}), 0) END`;
  return typed("long", value, failsInOrder([x, sought]));
}

function prepended(args: readonly Term[]): Term | undefined {
  const [x, type, first] = withItem(args) ?? [];
  if (x === undefined || type === undefined || first === undefined) return undefined;
  const value = sql`CASE WHEN ${x.sql} IS NOT NULL THEN list_prepend(${first.sql}, ${x.sql}) END`;
  return typed(type, value, anyOf([x.fails, first.fails]));
}

/** Nulls are left out, or replaced by a third argument. */
function joinedText(args: readonly Term[]): Term | undefined {
  const [x, separator, other] = args;
  if (x === undefined || separator === undefined || arrayType(x)?.elementType !== "string") return undefined;
  const list =
    other === undefined
      ? where(x.sql, (element) => sql`${element} IS NOT NULL`)
      : sql`list_transform(${x.sql}, ${lambda("x", (element) => sql`coalesce(${element}, ${other.sql})`)})`;
  const value = sql`CASE WHEN ${isNull(args)} THEN NULL ELSE array_to_string(${list}, ${separator.sql}) END`;
  return term("string", value, anyOf(args.map(({ fails }) => fails)));
}

function elementOf(x: Term, aggregate: SqlExpression): Term | undefined {
  const type = arrayType(x)?.elementType;
  if (type === undefined || !isPrimitive(type) || type === "float" || type === "double") return undefined;
  return typed(type, sql`${aggregate}(${x.sql})`, x.fails);
}

/** The element at a position, counted from `first`; null beyond the array. */
function itemAt(x: Term, index: Term, first: number): Term | undefined {
  const type = arrayType(x)?.elementType;
  if (type === undefined) return undefined;
  const place = sql`CAST(${index.sql} AS BIGINT) - ${first}`;
  const value = sql`CASE WHEN ${place} >= 0 THEN list_extract(${x.sql}, ${place} + 1) END`;
  return term(type, value, failsInOrder([x, index]));
}

function tryElementAt([x, index]: readonly Term[]): Term | undefined {
  const type = x && arrayType(x)?.elementType;
  if (x === undefined || type === undefined || index === undefined || index.literal?.value === "0")
    return undefined;
  return term(type, sql`list_extract(${x.sql}, CAST(${index.sql} AS BIGINT))`, failsInOrder([x, index]));
}

/** Positions count from 1, negative ones from the end; 0 and a negative length are errors. */
function slice(args: readonly Term[]): Term | undefined {
  const [x, start, length] = args;
  const type = x && arrayType(x);
  if (x === undefined || type === undefined || start === undefined || length === undefined) return undefined;
  const [first, count] = [sql`CAST(${start.sql} AS BIGINT)`, sql`CAST(${length.sql} AS BIGINT)`];
  const from = sql`CASE WHEN ${first} > 0 THEN ${first} ELSE len(${x.sql}) + ${first} + 1 END`;
  const part = sql`CASE WHEN ${from} < 1 THEN list_slice(${x.sql}, 1, 0) ELSE list_slice(${x.sql}, ${from}, ${from} + ${count} - 1) END`;
  const isBad = sql`NOT (${isNull(args)}) AND (${first} = 0 OR ${count} NOT BETWEEN 0 AND 1000000000)`;
  const value = sql`CASE WHEN ${isNull(args)} OR ${first} = 0 OR ${count} < 0 THEN NULL ELSE ${part} END`;
  return typed(type, value, failsInOrder(args, isBad));
}

function partsOf(x: Term, part: "keyType" | "valueType"): Term | undefined {
  const type = mapType(x);
  if (type === undefined) return undefined;
  const parts = part === "keyType" ? sql`map_keys(${x.sql})` : sql`map_values(${x.sql})`;
  return typed({ type: "array", elementType: type[part], containsNull: true }, parts, x.fails);
}

function entriesOf(x: Term): Term | undefined {
  const type = mapType(x);
  if (type === undefined) return undefined;
  const field = (name: string, part: DeltaType) => ({ name, type: part, nullable: true, metadata: {} });
  const elementType: DeltaType = {
    type: "struct",
    fields: [field("key", type.keyType), field("value", type.valueType)],
  };
  return typed({ type: "array", elementType, containsNull: true }, sql`map_entries(${x.sql})`, x.fails);
}

function containsKey([x, key]: readonly Term[]): Term | undefined {
  const type = x && mapType(x);
  if (x === undefined || type === undefined || key === undefined || !isSame(type.keyType, key.type))
    return undefined;
  const same = castTo(key, type.keyType);
  if (same === undefined) return undefined;
  const value = sql`CASE WHEN ${isNull([x, same])} THEN NULL ELSE list_contains(map_keys(${x.sql}), ${same.sql}) END`;
  return term("boolean", value, failsInOrder([x, same]));
}
