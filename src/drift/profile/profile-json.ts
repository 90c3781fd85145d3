import { sql } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { BaselineProfile, ProfiledMeasure } from "./baseline-profile.ts";
import { type Bins, boundariesOf, type CategoryValue, type Counts, type DriftKind } from "./bins.ts";
import type { Leaf, Part, ValueClass } from "./leaves.ts";
import {
  countAt,
  listAt,
  numberAt,
  numbersAt,
  objectAt,
  oneAt,
  ProfileFault,
  textAt,
  truthAt,
} from "./profile-fields.ts";
import { requireFittingCounts, requireFittingMeasures, requireFittingParts } from "./profile-rules.ts";
import type { Span } from "./time-spans.ts";

/** The version of the form; spec/drift.md, "Stored baselines". */
const format = 1;

/** A profile as JSON that keeps every digit. */
export function profileJson({ rows, measures, leftOut = [] }: BaselineProfile): JsonObject {
  const left = leftOut.length === 0 ? {} : { left_out: [...leftOut] };
  return { format, rows, ...left, columns: measures.map(measureJson) };
}

function measureJson({ leaf, part, kind, bins, counts, span, distinctShare }: ProfiledMeasure): JsonObject {
  const { name, path, class: kindOfValue, isWhole, isFloat, hasHour, type } = leaf;
  return {
    column: name,
    path: [...path],
    type,
    class: kindOfValue,
    is_whole: isWhole,
    is_float: isFloat,
    has_hour: hasHour,
    part,
    kind,
    bins: { ...bins },
    counts:
      counts.form === "numeric"
        ? { ...counts, min: extreme(counts.min), max: extreme(counts.max) }
        : { ...counts },
    span: span === null ? null : [...span],
    distinct_share: distinctShare,
  } as unknown as JsonObject;
}

/** Infinities have no number in JSON. */
function extreme(value: number | null): JsonValue {
  return value === null || Number.isFinite(value) ? value : String(value);
}

/** Reads a profile; the text says what is wrong with the JSON. */
export function profileOfJson(json: JsonValue): BaselineProfile | string {
  try {
    return readProfile(json);
  } catch (error) {
    if (error instanceof ProfileFault) return error.message;
    throw error;
  }
}

function readProfile(json: JsonValue): BaselineProfile {
  const object = objectAt(json, "profile");
  if (object["format"] !== format)
    throw new ProfileFault(`format must be ${format}, which this version reads`);
  const rows = countAt(object["rows"], "rows");
  const leftOut = listAt(object["left_out"] ?? [], "left_out").map((name, index) =>
    textAt(name, `left_out[${index}]`),
  );
  const measures = listAt(object["columns"], "columns").map((item, index) =>
    readMeasure(objectAt(item, `columns[${index}]`), `columns[${index}]`, rows),
  );
  requireFittingMeasures(measures, leftOut);
  return { rows, leftOut, measures };
}

const classes: readonly ValueClass[] = ["boolean", "number", "text", "binary", "time", "list", "other"];
const parts: readonly Part[] = ["hour", "weekday", "month", "length", "tokens", "age", null];
const kinds: readonly DriftKind[] = [
  "boolean",
  "discrete",
  "numeric",
  "category",
  "text",
  "time",
  "id",
  "nested",
];

function readMeasure(json: JsonObject, path: string, rows: number): ProfiledMeasure {
  const leaf: Leaf = {
    name: textAt(json["column"], `${path}.column`),
    path: listAt(json["path"], `${path}.path`).map((name) => textAt(name, `${path}.path`)),
    type: textAt(json["type"], `${path}.type`),
    class: oneAt(json["class"], classes, `${path}.class`),
    isWhole: truthAt(json["is_whole"], `${path}.is_whole`),
    isFloat: truthAt(json["is_float"], `${path}.is_float`),
    hasHour: truthAt(json["has_hour"], `${path}.has_hour`),
    // The rows are not at hand.
    value: sql`NULL`,
  };
  const bins = readBins(objectAt(json["bins"], `${path}.bins`), `${path}.bins`);
  const measure = {
    leaf,
    part: oneAt(json["part"] ?? null, parts, `${path}.part`),
    kind: oneAt(json["kind"], kinds, `${path}.kind`),
    bins,
  };
  requireFittingParts(measure, path);
  const counts = readCounts(objectAt(json["counts"], `${path}.counts`), bins, {
    path: `${path}.counts`,
    rows,
  });
  requireFittingCounts(counts, bins, `${path}.counts`);
  return {
    ...measure,
    counts,
    span: readSpan(json["span"] ?? null, `${path}.span`),
    distinctShare: readShare(json["distinct_share"] ?? null, `${path}.distinct_share`),
  };
}

function readBins(json: JsonObject, path: string): Bins {
  if (json["form"] === "numeric") {
    const quantiles = numbersAt(json["quantiles"], `${path}.quantiles`);
    if (quantiles.some((value, index) => index > 0 && value < (quantiles[index - 1] ?? value)))
      throw new ProfileFault(`${path}.quantiles must not fall`);
    return {
      form: "numeric",
      quantiles,
      points: numbersAt(json["points"], `${path}.points`),
      edges: oneAt(json["edges"], ["exact", "sampled"] as const, `${path}.edges`),
    };
  }
  if (json["form"] !== "category") throw new ProfileFault(`${path}.form must be numeric or category`);
  const isNumber = truthAt(json["isNumber"], `${path}.isNumber`);
  const values = (name: string): CategoryValue[] =>
    listAt(json[name], `${path}.${name}`).map((value, index) =>
      isNumber ? numberAt(value, `${path}.${name}[${index}]`) : textAt(value, `${path}.${name}[${index}]`),
    );
  const labels = json["labels"];
  return {
    form: "category",
    values: values("values"),
    known: json["known"] === null ? null : values("known"),
    singles: values("singles"),
    isNumber,
    labels:
      labels === undefined
        ? undefined
        : listAt(labels, `${path}.labels`).map((label, index) => textAt(label, `${path}.labels[${index}]`)),
  };
}

function readCounts(
  json: JsonObject,
  bins: Bins,
  { path, rows }: { readonly path: string; readonly rows: number },
): Counts {
  const count = (name: string) => countAt(json[name], `${path}.${name}`);
  const moment = (name: string) => (json[name] === null ? null : numberAt(json[name], `${path}.${name}`));
  const common = { rows: count("rows"), nulls: count("nulls"), nans: count("nans") };
  if (common.rows !== rows)
    throw new ProfileFault(`${path}.rows must be ${rows}, as many as the profile has`);
  const lists = (name: string, length: number) => {
    const list = listAt(json[name], `${path}.${name}`);
    if (list.length !== length)
      throw new ProfileFault(`${path}.${name} must have ${length} items, one a bin`);
    return list.map((value, index) => countAt(value, `${path}.${name}[${index}]`));
  };
  const counts: Counts =
    bins.form === "numeric"
      ? {
          ...common,
          form: "numeric",
          cells: lists("cells", boundariesOf(bins).length + 1),
          min: extremeAt(json["min"], `${path}.min`),
          max: extremeAt(json["max"], `${path}.max`),
          mean: moment("mean"),
          sd: moment("sd"),
          quantiles: json["quantiles"] === null ? null : numbersAt(json["quantiles"], `${path}.quantiles`),
        }
      : {
          ...common,
          form: "category",
          values: lists("values", bins.values.length),
          rare: count("rare"),
          singles: count("singles"),
          unseen: count("unseen"),
          distinct: (json["distinct"] ?? null) === null ? null : count("distinct"),
          mean: moment("mean"),
          sd: moment("sd"),
        };
  const inBins =
    counts.form === "numeric" ? counts.cells : [...counts.values, counts.rare, counts.singles, counts.unseen];
  const sum = inBins.reduce((all, value) => all + value, counts.nulls + counts.nans);
  if (sum !== rows) throw new ProfileFault(`${path} must add up to ${rows} rows, and adds up to ${sum}`);
  return counts;
}

function readSpan(json: JsonValue, path: string): Span | null {
  if (json === null) return null;
  const [low = null, high = null, ...others] = listAt(json, path).map((moment) =>
    moment === null ? null : numberAt(moment, path),
  );
  if (others.length > 0 || (low !== null && high !== null && low > high))
    throw new ProfileFault(`${path} must be the first and the last moment`);
  return [low, high];
}

function readShare(json: JsonValue, path: string): number | null {
  if (json === null) return null;
  const share = numberAt(json, path);
  if (share < 0 || share > 1) throw new ProfileFault(`${path} must be a share from 0 to 1`);
  return share;
}

function extremeAt(json: JsonValue | undefined, path: string): number | null {
  if (json === null) return null;
  return json === "Infinity" || json === "-Infinity" ? Number(json) : numberAt(json, path);
}
