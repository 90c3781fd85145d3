import { foldName } from "../../schema/schema-json.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import type { MonitorDefinition } from "./definition.ts";
import { unknownName } from "./fields.ts";

/** Whether a name meets a pattern, in which `*` stands for any characters; both ignoring case. */
export function meetsPattern(name: string, pattern: string): boolean {
  const parts = foldName(pattern).split("*");
  const text = foldName(name);
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let from = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const index = text.indexOf(part, from);
    if (index < 0 || index + part.length > end) return false;
    from = index + part.length;
  }
  return true;
}

/** Whether a pattern takes a leaf: it names the leaf, or a struct that the leaf is in. */
export function takesLeaf(leaf: string, pattern: string): boolean {
  if (meetsPattern(leaf, pattern)) return true;
  return !pattern.includes("*") && foldName(leaf).startsWith(`${foldName(pattern)}.`);
}

/** Names of columns, and of fields in structs, as `column.field`. */
export function columnNamesOf(schema: StructType): string[] {
  const below = (name: string, type: DeltaType): string[] =>
    typeof type === "object" && type.type === "struct"
      ? [name, ...type.fields.flatMap((field) => below(`${name}.${field.name}`, field.type))]
      : [name];
  return schema.fields.flatMap(({ name, type }) => below(name, type));
}

/**
 * Refuses names of columns that the table does not have, in any of these schemas.
 *
 * @param path of the definition in what was given
 * @throws `MONITOR_INVALID` with the path, the name and the nearest column
 */
export function requireColumns(
  definition: MonitorDefinition,
  schemas: StructType | readonly StructType[],
  path = "",
): void {
  const names = [schemas].flat().flatMap(columnNamesOf);
  const known = new Set(names.map(foldName));
  const { columns, window, by, thresholds, performance, alerts } = definition;
  const { include, exclude, roles, weights } = columns;
  const named: (readonly [string, string])[] = [
    ...include.map((name, index) => [`columns.include[${index}]`, name] as const),
    ...exclude.map((name, index) => [`columns.exclude[${index}]`, name] as const),
    ...Object.keys(roles).map((name) => [`columns.roles.${name}`, name] as const),
    ...Object.keys(weights).map((name) => [`columns.weights.${name}`, name] as const),
    ...Object.keys(thresholds.column).map((name) => [`thresholds.column.${name}`, name] as const),
    ...(window === undefined ? [] : [["window.column", window.column] as const]),
    ...by.map((name) => ["slices.by", name] as const),
    ...alerts.flatMap((rule, index) =>
      "columns" in rule
        ? rule.columns.map((name, item) => [`alerts[${index}].columns[${item}]`, name] as const)
        : [],
    ),
    ...performanceColumns(performance),
  ];
  for (const [place, name] of named) {
    if (name.includes("*") || known.has(foldName(name))) continue;
    throw unknownName({ path: path === "" ? place : `${path}.${place}`, value: name }, "column", names);
  }
}

/** Columns of the monitored table; with outcomes from elsewhere, the target is not among them. */
function performanceColumns(performance: MonitorDefinition["performance"]): (readonly [string, string])[] {
  if (performance === undefined) return [];
  const { target, score, scores = {}, prediction, user, outcomes } = performance;
  const single = { target: outcomes === undefined ? target : undefined, score, prediction, user };
  return [
    ...Object.entries(single).flatMap(([field, name]) =>
      name === undefined ? [] : [[`performance.${field}`, name] as const],
    ),
    ...Object.entries(scores).map(([label, name]) => [`performance.scores.${label}`, name] as const),
    ...Object.keys(outcomes?.on ?? {}).map((name) => ["performance.outcomes.on", name] as const),
  ];
}
