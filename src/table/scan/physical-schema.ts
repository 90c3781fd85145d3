import type { EngineRow, EngineValue } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { SqlName } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";

/**
 * One column or nested field of a Parquet file as the engine presents it: the footer's tree with list and map
 * levels folded.
 *
 * `engineName` is the name to use in SQL, which differs from `name` if siblings have the same name, ignoring
 * case.
 */
export interface PhysicalField {
  readonly name: string;
  readonly engineName: string;
  readonly fieldId: number | undefined;
  readonly type: PhysicalType;
}

export type PhysicalType =
  | {
      readonly kind: "leaf";
      readonly engineType: string;
      readonly parquetType: string;
      /** Whether the file says that its timestamps have no zone. */
      readonly isLocalTime?: boolean | undefined;
    }
  | { readonly kind: "struct"; readonly fields: readonly PhysicalField[] }
  | { readonly kind: "list"; readonly element: PhysicalType; readonly unwrapped: PhysicalField | undefined }
  | { readonly kind: "map"; readonly key: PhysicalType; readonly value: PhysicalType };

/** Columns of `parquet_schema()` that {@link parsePhysicalSchema} reads, in this order. */
export const footerColumns: readonly SqlName[] = [
  "name",
  "type",
  "repetition_type",
  "num_children",
  "converted_type",
  "field_id",
  "logical_type",
  "duckdb_type",
].map(quoteName);

interface Element {
  readonly name: string;
  readonly type: string;
  readonly repeated: boolean;
  readonly children: number;
  readonly annotation: string;
  readonly fieldId: number | undefined;
  readonly engineType: string;
  readonly isLocalTime: boolean;
}

/**
 * Reads the rows of `parquet_schema()` of one file (depth first, as the footer has them) as the file's
 * columns. PROTOCOL.md "Delta Data Type to Parquet Type Mappings".
 *
 * @throws `DATA_FILE_CORRUPT` if the rows are not a tree
 */
export function parsePhysicalSchema(rows: readonly EngineRow[], file: string): readonly PhysicalField[] {
  const reader = new FooterReader(rows.map(element), file);
  return reader.columns();
}

/**
 * Folds the flat footer into a tree by the same rules as the engine, so that names and nesting agree with its
 * SQL.
 */
class FooterReader {
  readonly #elements: readonly Element[];
  readonly #file: string;
  #at = 0;

  constructor(elements: readonly Element[], file: string) {
    this.#elements = elements;
    this.#file = file;
  }

  columns(): readonly PhysicalField[] {
    const root = this.#next();
    return this.#fields(root.children, root);
  }

  #next(): Element {
    const next = this.#elements[this.#at++];
    if (next === undefined)
      throw new VarveError(
        "DATA_FILE_CORRUPT",
        `The footer of ${this.#file} describes fewer columns than it counts. The file is damaged; restore it.`,
        {
          file: this.#file,
        },
      );
    return next;
  }

  #fields(count: number, parent: Element): PhysicalField[] {
    const fields: PhysicalField[] = [];
    for (let index = 0; index < count; index++) {
      const own = this.#next();
      fields.push({
        name: own.name,
        engineName: own.name,
        fieldId: own.fieldId,
        type: this.#type(own, parent),
      });
    }
    return withEngineNames(fields);
  }

  #type(own: Element, parent: Element): PhysicalType {
    if (own.children === 0) {
      const { engineType, type: parquetType } = own;
      const leaf: PhysicalType = own.isLocalTime
        ? { kind: "leaf", engineType, parquetType, isLocalTime: true }
        : { kind: "leaf", engineType, parquetType };
      return own.repeated ? { kind: "list", element: leaf, unwrapped: undefined } : leaf;
    }
    const fields = this.#fields(own.children, own);
    const entries =
      own.annotation === "MAP_KEY_VALUE" || (parent.annotation === "MAP" && parent.children === 1);
    const [first, second] = fields;
    if (entries && own.repeated && first !== undefined && second !== undefined && fields.length === 2) {
      return { kind: "map", key: first.type, value: second.type };
    }
    const wrapper = own.annotation === "LIST" || own.annotation === "MAP" || own.repeated;
    const pulled = fields.length === 1 && wrapper ? first : undefined;
    const inner: PhysicalType = pulled === undefined ? { kind: "struct", fields } : pulled.type;
    if (!own.repeated) return inner;
    return {
      kind: "list",
      element: inner,
      unwrapped: pulled !== undefined && isTwoLevel(own, parent) ? pulled : undefined,
    };
  }
}

/**
 * Parquet's backward-compatibility rule: in a two-level list the repeated group is itself the element, a
 * struct of one field.
 */
function isTwoLevel(repeated: Element, parent: Element): boolean {
  return repeated.name === "array" || repeated.name === `${parent.name}_tuple`;
}

/** The engine makes names unique, ignoring case, by appending `_1`, `_2`…, in order of appearance. */
function withEngineNames(fields: readonly PhysicalField[]): PhysicalField[] {
  const collisions = new Map<string, number>();
  return fields.map((field) => {
    let name = field.name;
    for (
      let count = collisions.get(name.toLowerCase());
      count !== undefined;
      count = collisions.get(name.toLowerCase())
    ) {
      collisions.set(name.toLowerCase(), count + 1);
      name = `${name}_${count + 1}`;
    }
    collisions.set(name.toLowerCase(), 0);
    return name === field.name ? field : { ...field, engineName: name };
  });
}

function element(row: EngineRow): Element {
  const logical = text(row["logical_type"]);
  const converted = text(row["converted_type"]);
  return {
    name: text(row["name"]),
    type: text(row["type"]),
    repeated: row["repetition_type"] === "REPEATED",
    children: integer(row["num_children"]) ?? 0,
    annotation:
      converted !== ""
        ? converted
        : logical.startsWith("ListType")
          ? "LIST"
          : logical.startsWith("MapType")
            ? "MAP"
            : "",
    fieldId: integer(row["field_id"]),
    engineType: text(row["duckdb_type"]),
    isLocalTime: logical.startsWith("TimestampType(isAdjustedToUTC=0"),
  };
}

function text(value: EngineValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function integer(value: EngineValue | undefined): number | undefined {
  return typeof value === "bigint" || typeof value === "number" ? Number(value) : undefined;
}
