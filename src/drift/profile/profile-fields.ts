import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";

/** Why JSON is no profile, and where. */
export class ProfileFault extends Error {}

export function objectAt(json: JsonValue | undefined, path: string): JsonObject {
  if (json !== undefined && isJsonObject(json)) return json;
  throw new ProfileFault(`${path} must be an object`);
}

export function listAt(json: JsonValue | undefined, path: string): readonly JsonValue[] {
  if (Array.isArray(json)) return json as readonly JsonValue[];
  throw new ProfileFault(`${path} must be a list`);
}

export function textAt(json: JsonValue | undefined, path: string): string {
  if (typeof json === "string") return json;
  throw new ProfileFault(`${path} must be text`);
}

/** A field that may be left out where it is false. */
export function truthAt(json: JsonValue | undefined, path: string): boolean {
  if (json === undefined || typeof json === "boolean") return json === true;
  throw new ProfileFault(`${path} must be true or false`);
}

export function numberAt(json: JsonValue | undefined, path: string): number {
  const value = typeof json === "bigint" ? Number(json) : json;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ProfileFault(`${path} must be a number`);
}

export function countAt(json: JsonValue | undefined, path: string): number {
  const value = numberAt(json, path);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new ProfileFault(`${path} must be a number of rows`);
}

export function numbersAt(json: JsonValue | undefined, path: string): number[] {
  return listAt(json, path).map((value, index) => numberAt(value, `${path}[${index}]`));
}

export function oneAt<T extends string | null>(
  json: JsonValue | undefined,
  values: readonly T[],
  path: string,
): T {
  const value = values.find((candidate) => candidate === json);
  if (value !== undefined) return value;
  throw new ProfileFault(
    `${path} must be one of ${values.filter((candidate) => candidate !== null).join(", ")}`,
  );
}
