import { isPrimitive } from "../../schema/type-names.ts";
import { sql } from "../../sql/sql.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import { failsInOrder, intKinds, kindOf, type Parameter, type Rule, type Term, term, typed } from "./term.ts";

const array: Parameter = { kinds: ["array"] };
const map: Parameter = { kinds: ["map"] };
const scalar: Parameter = { kinds: ["string", "integer"] };
const int: Parameter = { kinds: intKinds };
/** For the position -2^31 Spark's element_at reads outside its memory. */
const narrowInt: Parameter = { kinds: ["byte", "short"] };
const position: Parameter = { kinds: ["integer"], constants: ["1", "3", "0", "-1", "-4"] };

/** Arrays and maps. */
export const collectionRules: readonly Rule[] = [
  {
    names: ["size", "cardinality"],
    forms: [
      { takes: [array], build: ([x]) => x && typed("integer", sql`len(${x.sql})`, x.fails) },
      { takes: [map], build: ([x]) => x && typed("integer", sql`cardinality(${x.sql})`, x.fails) },
    ],
  },
  {
    names: ["array_size"],
    forms: [{ takes: [array], build: ([x]) => x && typed("integer", sql`len(${x.sql})`, x.fails) }],
  },
  { names: ["array_contains"], forms: [{ takes: [array, scalar], build: contained }] },
  {
    names: ["[]"],
    spell: (_, [x, index]) => `${x}[${index}]`,
    forms: [
      { takes: [array, int], build: ([x, index]) => x && index && item(x, index) },
      { takes: [map, scalar], build: ([x, key]) => x && key && entry(x, key) },
    ],
  },
  {
    names: ["element_at"],
    forms: [
      { takes: [array, narrowInt], build: ([x, index]) => x && index && element(x, index) },
      { takes: [array, position], build: ([x, constant]) => x && constant && element(x, constant) },
      { takes: [map, scalar], build: ([x, key]) => x && key && entry(x, key) },
    ],
  },
];

/** Null where the element is not found and the array holds a null. */
function contained([x, sought]: readonly Term[]): Term | undefined {
  if (x === undefined || sought === undefined || isPrimitive(x.type) || x.type.type !== "array")
    return undefined;
  if (engineTypeText(x.type.elementType) !== engineTypeText(sought.type)) return undefined;
  const contains = sql`list_contains(${x.sql}, ${sought.sql})`;
  const value = sql`CASE WHEN ${sought.sql} IS NULL THEN NULL WHEN ${contains} THEN TRUE WHEN len(${x.sql}) > list_count(${x.sql}) THEN NULL ELSE ${contains} END`;
  return term("boolean", value, failsInOrder([x, sought]));
}

/** Positions count from 0; one beyond the array is an error. */
function item(x: Term, index: Term): Term | undefined {
  if (isPrimitive(x.type) || x.type.type !== "array") return undefined;
  const outside = sql`${x.sql} IS NOT NULL AND (${index.sql} < 0 OR ${index.sql} >= len(${x.sql}))`;
  const value = sql`CASE WHEN ${index.sql} >= 0 THEN list_extract(${x.sql}, CAST(${index.sql} AS BIGINT) + 1) END`;
  return term(x.type.elementType, value, failsInOrder([x, index], outside));
}

/** Positions count from 1, negative ones from the end; 0 and those beyond the array are errors. */
function element(x: Term, index: Term): Term | undefined {
  if (isPrimitive(x.type) || x.type.type !== "array") return undefined;
  const outside = sql`${x.sql} IS NOT NULL AND (${index.sql} = 0 OR abs(CAST(${index.sql} AS BIGINT)) > len(${x.sql}))`;
  return term(
    x.type.elementType,
    sql`list_extract(${x.sql}, CAST(${index.sql} AS BIGINT))`,
    failsInOrder([x, index], outside),
  );
}

/** Null for a key that the map has not. */
function entry(x: Term, key: Term): Term | undefined {
  if (isPrimitive(x.type) || x.type.type !== "map" || kindOf(x.type.keyType) !== kindOf(key.type))
    return undefined;
  const same = castTo(key, x.type.keyType);
  if (same === undefined) return undefined;
  const value = sql`CASE WHEN ${same.sql} IS NULL THEN NULL ELSE map_extract_value(${x.sql}, ${same.sql}) END`;
  return term(x.type.valueType, value, failsInOrder([x, same]));
}
