import { parseExpression } from "../../dialects/spark/parse.ts";
import type { Syntax } from "../../dialects/spark/syntax.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import { constraintsOf } from "../../protocol/constraint-names.ts";
import { placedType } from "../../schema/change-fields.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { allFields } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";

/** A table's columns and constraints. */
export interface TableExpressions {
  readonly schema: StructType;
  readonly configuration: Readonly<Record<string, string>>;
}

/**
 * Refuses a change of a column that the SQL of the table's constraints, invariants and generated columns uses.
 *
 * @param change what is to be done, such as `drop`
 * @throws `INVALID_ARGUMENT` naming all that use it
 */
export function requireUnused(
  { schema, configuration }: TableExpressions,
  path: readonly string[],
  change: "drop" | "rename" | "change the type of",
): void {
  const { owner } = placedType(schema, path);
  const outer = beforeCollection(schema, owner);
  const uses = (expression: string) => usesColumn(expression, outer);
  const isDropped = (other: readonly string[]) => change === "drop" && pathText(other) === pathText(owner);
  const users = [
    ...constraintsOf(configuration)
      .filter(([, expression]) => uses(expression))
      .map(([name, expression]) => `the CHECK constraint ${name} (${expression})`),
    ...[...allFields(schema)].flatMap(({ path: other, field }) => {
      const { generation, invariant } = columnMetadata(field, other);
      if (isDropped(other)) return [];
      return [
        ...(generation !== undefined && uses(generation)
          ? [`the generated column ${pathText(other)} (${generation})`]
          : []),
        ...(invariant !== undefined && uses(invariant)
          ? [`the invariant of column ${pathText(other)} (${invariant})`]
          : []),
      ];
    }),
  ];
  if (users.length === 0) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot ${change} column ${pathText(owner)}, because it is used by ${users.join(", ")}. Drop what uses it first.`,
    { column: [...owner], users },
  );
}

/** A path up to the first list or map: expressions reach what is inside these in other ways than by a path. */
function beforeCollection(schema: StructType, path: readonly string[]): readonly string[] {
  const end = path.findIndex((_, index) => placedType(schema, path.slice(0, index + 1)).below.length > 0);
  return end < 0 ? path : path.slice(0, end);
}

/** Whether an expression names a column, what it is part of, or a part of it. */
function usesColumn(expression: string, path: readonly string[]): boolean {
  const named = namedPaths(expression);
  if (named === undefined) return foldName(expression).includes(foldName(path[0] ?? ""));
  const isOnPath = (name: string, index: number) =>
    path[index] === undefined || foldName(name) === foldName(path[index]);
  return named.some((names) => names.every(isOnPath));
}

/** Paths of the columns that an expression names; `undefined` for one that cannot be read. */
function namedPaths(expression: string): string[][] | undefined {
  try {
    return [...pathsIn(parseExpression(expression))];
  } catch (error) {
    if (isVarveError(error, "UNSUPPORTED_FEATURE")) return undefined;
    throw error;
  }
}

function* pathsIn(syntax: Syntax): Generator<string[]> {
  const path = pathOf(syntax);
  if (path !== undefined) {
    yield path;
    return;
  }
  switch (syntax.kind) {
    case "field":
    case "cast":
      yield* pathsIn(syntax.operand);
      return;
    case "call":
      for (const arg of syntax.args) yield* pathsIn(arg);
      return;
    case "lambda":
      yield* pathsIn(syntax.body);
      return;
    default:
      return;
  }
}

function pathOf(syntax: Syntax): string[] | undefined {
  if (syntax.kind === "name") return [syntax.name];
  if (syntax.kind !== "field") return undefined;
  const path = pathOf(syntax.operand);
  return path && [...path, syntax.name];
}
