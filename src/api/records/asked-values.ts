import { VarveError } from "../../errors.ts";
import type { Artifact } from "../../runs/artifact.ts";
import { type JsonValue, nestsWithin, toJsonValue } from "../../util/json.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { requireText } from "../shared/table-uri.ts";

/** Keys of code, and of a model that a run makes. */
export const artifactKeys = {
  name: true,
  version: true,
  file: true,
  hash: true,
} satisfies OptionKeys<Artifact>;

/** Checks what a caller says of a model or code; text is the name of its file. @throws `INVALID_ARGUMENT` */
export function toArtifact<T extends Artifact>(
  verb: string,
  option: "model" | "code",
  { artifact, keys }: { readonly artifact: T | string | undefined; readonly keys: OptionKeys<T> },
): T | undefined {
  if (artifact === undefined) return undefined;
  const given = typeof artifact === "string" ? ({ file: artifact } as T) : artifact;
  const known = knownOptions(`${verb}, ${option}`, given, keys);
  for (const [key, value] of Object.entries(known))
    requireText(value, `The option ${option}.${key} of ${verb}`, key);
  if (known.file === undefined || known.hash === undefined) return known;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb}: The option ${option} has a file and a hash; the hash of a file is computed. Leave one out.`,
    { verb, option },
  );
}

/** Levels of arrays and objects, few enough to be read again together with those around them. */
const mostLevels = 990;

/** A caller's value as JSON that can be read again, or why there is none. */
export function jsonOrProblem(
  value: unknown,
):
  | { readonly json: JsonValue; readonly problem?: undefined }
  | { readonly problem: string; readonly cause?: unknown } {
  let json: JsonValue;
  try {
    json = toJsonValue(value);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { problem: `cannot be written as JSON: ${reason.replace(/\.$/, "")}`, cause };
  }
  return nestsWithin(json, mostLevels)
    ? { json }
    : { problem: `cannot be written as JSON that is read again: it nests more than ${mostLevels} deep` };
}
