import { findField } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { type BatchTarget, mergedWith } from "../../write/plan/batch-target.ts";
import { type AllColumns, assignedBy, isAllColumns, type MergeRequest } from "./merge-request.ts";

/** What a merge's clauses say of the columns of the source. */
export interface AssignedColumns {
  /** The paths that the clauses for source rows assign by name, in the spelling of the table or the source. */
  readonly paths: readonly (readonly string[])[];
  /** The columns that one of these clauses takes by `*`. */
  readonly all?: AllColumns | undefined;
}

/**
 * The table with those columns and fields of the source that it lacks and that a clause assigns, and with types
 * widened if it allows that.
 *
 * @throws as `mergedTarget`
 */
export function evolvedTarget(
  target: BatchTarget,
  source: StructType,
  assigned: AssignedColumns,
  { upgradeProtocol }: Pick<MergeRequest, "upgradeProtocol">,
): BatchTarget {
  const incoming = assignedFields(source, [], assigned);
  return incoming.fields.length === 0 ? target : mergedWith(target, incoming, upgradeProtocol);
}

/** The columns that clauses for source rows take by `*`: those that not each of them excepts. */
export function allColumns({ clauses }: Pick<MergeRequest, "clauses">): AllColumns | undefined {
  const taken = clauses.flatMap((clause) => {
    const assigned = assignedBy(clause);
    return clause.when !== "not matched by source" && isAllColumns(assigned) ? [assigned] : [];
  });
  const [first] = taken;
  return first && { except: first.except.filter((name) => taken.every((all) => excepts(all, name))) };
}

/** Whether a column is left out, ignoring case. */
export function excepts({ except }: AllColumns, name: string): boolean {
  return except.some((other) => foldName(other) === foldName(name));
}

function assignedFields(source: StructType, above: readonly string[], assigned: AssignedColumns): StructType {
  const fields = source.fields.flatMap((field): StructField[] => {
    const path = [...above, foldName(field.name)];
    const inside = assigned.paths.filter((other) => begins(other, path));
    if (inside.some((other) => other.length === path.length)) return [field];
    const { type } = field;
    const isTaken = assigned.all !== undefined && !excepts(assigned.all, path[0] ?? "");
    const isStruct = !isPrimitive(type) && type.type === "struct";
    if (isStruct && (inside.length > 0 || isTaken))
      return [{ ...field, type: assignedFields(type, path, assigned) }];
    return isTaken ? [field] : [];
  });
  return { type: "struct", fields };
}

function begins(path: readonly string[], start: readonly string[]): boolean {
  return start.every((name, index) => foldName(path[index] ?? "") === foldName(name));
}

/** Whether a struct has fields that another lacks, or one of its fields does. */
export function hasMore(has: StructType, lacks: StructType): boolean {
  return has.fields.some(({ name, type }) => {
    const other = findField(lacks, name)?.type;
    if (other === undefined) return true;
    const structs = [type, other].filter((each) => !isPrimitive(each) && each.type === "struct");
    const [inner, outer] = structs as readonly StructType[];
    return inner !== undefined && outer !== undefined && hasMore(inner, outer);
  });
}

/** The columns of a source that a clause gives, as they are, to the columns of the same names. */
export function takenColumns(request: MergeRequest, source: StructType): StructType {
  const all = allColumns(request);
  const named = request.clauses.flatMap((clause) => {
    const assigned = assignedBy(clause);
    return assigned === undefined || isAllColumns(assigned) ? [] : assigned;
  });
  const { names } = request;
  const isTaken = (name: string) =>
    (all !== undefined && !excepts(all, name)) ||
    named.some(
      ({ path, value }) =>
        value !== "default" &&
        isColumn([path].flat(), name, names.target) &&
        isColumn(partsOf(value.spark ?? value.text), name, names.source),
    );
  return { ...source, fields: source.fields.filter(({ name }) => isTaken(name)) };
}

/** The parts of a text that may be a qualified column, without quotes of either dialect. */
function partsOf(text: string): readonly string[] {
  return text
    .trim()
    .split(".")
    .map((part) => part.replace(/^(["`])(.*)\1$/, "$2"));
}

/** Whether a path is a column, which may be qualified by its side. */
function isColumn(path: readonly string[], name: string, side: string): boolean {
  const [first = "", second] = path.map(foldName);
  const isOwn = second === undefined ? first === foldName(name) : second === foldName(name);
  return path.length <= 2 && isOwn && (second === undefined || first === foldName(side));
}
