import type { JsonObject, JsonValue } from "../../util/json.ts";

/** The default id of a check: its columns, and what it expects of them. */
export function defaultId(kind: string, params: JsonObject): string {
  const names = ["column", "column_A", "column_B", "name", "function"].flatMap((key) =>
    typeof params[key] === "string" ? [params[key]] : [],
  );
  const listed = ["column_list", "key_columns"].flatMap((key) =>
    Array.isArray(params[key]) ? (params[key] as readonly JsonValue[]).map(String) : [],
  );
  const short = kind.replace(/^expect_/, "").replace(/^column_|^columns_|^table_/, "");
  return [...names, ...listed, short].join(":");
}

/** An id that no other check has. */
export function freeId(preferred: string, ids: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const id = n === 1 ? preferred : `${preferred}#${n}`;
    if (!ids.has(id)) return id;
  }
}
