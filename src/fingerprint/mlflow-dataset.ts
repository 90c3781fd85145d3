import { fileURLToPath } from "node:url";
import type { LogSnapshot } from "../log/contract.ts";
import { pinOfFolder } from "../pins/reading/pin-name.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { type JsonObject, stringifyJson } from "../util/json.ts";
import { contentFingerprint } from "./content-fingerprint.ts";
import { stateFingerprint } from "./state-fingerprint.ts";

/**
 * A version of a table as MLflow logs a dataset (`mlflow.entities.Dataset`, the `dataset` of `runs/log-inputs`);
 * `source`, `schema` and `profile` are JSON texts, as MLflow has them.
 */
export interface MlflowDataset {
  /** The table's name and `@v12`, or `@` and the name of the pin. */
  readonly name: string;
  /** 36 characters: `vs1-` or `vc1-` and the first 128 bits of the state or content fingerprint. */
  readonly digest: string;
  readonly source_type: "delta_table";
  readonly source: string;
  /** Absent if MLflow has no type for a column, such as a decimal. */
  readonly schema?: string | undefined;
  /** The whole fingerprint and, if the rows were read, their number. */
  readonly profile: string;
}

/** Which fingerprint the digest is made of. */
export interface MlflowDatasetOptions {
  /** Read the rows, so that equal rows have equal digests; default: the state, from the log alone. */
  readonly content?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** MLflow's limits of the lengths of these texts (`mlflow.utils.validation`). */
const longest = { name: 500, schema: 1_048_575 } as const;

const digestDigits = 32;

/** @throws as `contentFingerprint` */
export async function mlflowDataset(
  snapshot: LogSnapshot,
  { content = false, signal }: MlflowDatasetOptions = {},
): Promise<MlflowDataset> {
  const path = pathOf(snapshot.context.store.uri);
  const rows = content ? await contentFingerprint(snapshot, { signal }) : undefined;
  const fingerprint = rows?.fingerprint ?? (await stateFingerprint(snapshot, { signal }));
  const [, digits = ""] = fingerprint.split(":");
  const schema = colspecText(snapshot.schema);
  return {
    name: datasetName(path, snapshot),
    digest: `${content ? "vc1" : "vs1"}-${digits.slice(0, digestDigits)}`,
    source_type: "delta_table",
    source: stringifyJson({ path, delta_table_version: snapshot.version }),
    schema: schema === undefined || schema.length > longest.schema ? undefined : schema,
    profile: stringifyJson({ fingerprint, ...(rows === undefined ? {} : { num_rows: rows.rows }) }),
  };
}

function datasetName(path: string, { metadata, version }: LogSnapshot): string {
  const pin = pinOfFolder(path);
  const name = metadata.name ?? /([^/]+)\/*$/.exec(pin?.table ?? path)?.[1] ?? path;
  const suffix = pin === undefined ? `@v${version}` : `@${pin.name}`;
  return `${name.slice(0, longest.name - suffix.length).replace(/[\ud800-\udbff]$/, "")}${suffix}`;
}

/** The path of a table on this machine, as other programs take it; else its URI. */
function pathOf(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
}

/** A schema as MLflow's `mlflow_colspec`. */
function colspecText({ fields }: StructType): string | undefined {
  const columns = fields.map(({ name, type, nullable }) => {
    const spec = colspec(type);
    return spec === undefined ? undefined : { ...spec, name, required: !nullable };
  });
  const known = columns.filter((column) => column !== undefined);
  return known.length < columns.length ? undefined : stringifyJson({ mlflow_colspec: known });
}

const primitives: Readonly<Record<string, string>> = {
  string: "string",
  long: "long",
  integer: "integer",
  short: "integer",
  byte: "integer",
  float: "float",
  double: "double",
  boolean: "boolean",
  binary: "binary",
  date: "datetime",
  timestamp: "datetime",
  timestamp_ntz: "datetime",
};

function colspec(type: DeltaType): JsonObject | undefined {
  if (typeof type === "string") {
    const name = primitives[type];
    return name === undefined ? undefined : { type: name };
  }
  switch (type.type) {
    case "decimal":
      return undefined;
    case "array": {
      const items = colspec(type.elementType);
      return items === undefined ? undefined : { type: "array", items };
    }
    case "map": {
      const values = type.keyType === "string" ? colspec(type.valueType) : undefined;
      return values === undefined ? undefined : { type: "map", values };
    }
    case "struct": {
      const properties = type.fields.map(({ name, type: inner, nullable }) => {
        const spec = colspec(inner);
        return spec === undefined ? undefined : ([name, { ...spec, required: !nullable }] as const);
      });
      const known = properties.filter((property) => property !== undefined);
      return known.length < properties.length
        ? undefined
        : { type: "object", properties: Object.fromEntries(known) };
    }
  }
}
