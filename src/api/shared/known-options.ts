import { VarveError } from "../../errors.ts";

/**
 * Every key of an options type, including those of nested options, so that the compiler finds missing and
 * superfluous keys.
 */
export type OptionKeys<T> = {
  readonly [K in keyof T]-?:
    | true
    | (NonNullable<T[K]> extends object ? OptionKeys<NonNullable<T[K]>> : never);
};

/** Names of options, with those of nested options below them. */
type KnownKeys = { readonly [key: string]: true | KnownKeys };

/**
 * Copies a caller's options with the known keys and nothing else; keys whose value is `undefined` are left
 * out.
 *
 * @param verb name of the verb in the message
 * @throws `INVALID_ARGUMENT` for anything except an object, for a key that `keys` does not have, naming the
 * most similar known key, and for lists of columns that are no arrays of text
 */
export function knownOptions<T extends object>(verb: string, options: T, keys: OptionKeys<T>): T {
  return copyKnown(verb, "", options, keys as KnownKeys) as T;
}

function copyKnown(verb: string, path: string, options: unknown, keys: KnownKeys): object {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const what = path === "" ? `The options of ${verb}` : `The option ${path} of ${verb}`;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${what} must be an object, not ${options === null ? "null" : typeof options}.`,
      { verb },
    );
  }
  for (const key of Object.keys(options))
    if (!Object.hasOwn(keys, key)) throw unknownOption(verb, path, key, Object.keys(keys));
  const values = options as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  for (const [key, below] of Object.entries(keys)) {
    const value = values[key];
    if (value === undefined) continue;
    // nested options are checked and passed on as they are, because connections are shared by the identity of
    // the options
    if (nameLists.has(key)) requireNames(verb, key, value);
    const kind = kinds.get(key);
    if (kind !== undefined && !isOfKind[kind](value))
      throw wrongKind(verb, `${path}${path === "" ? "" : "."}${key}`, kind);
    if (below !== true) copyKnown(verb, `${path}${path === "" ? "" : "."}${key}`, value, below);
    copy[key] = value;
  }
  return copy;
}

/** Refuses options that are no numbers of at least `least`. @throws `INVALID_ARGUMENT` naming the option */
export function requireAtLeast(
  verb: string,
  options: Readonly<Record<string, number | undefined>>,
  least: number,
): void {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || (typeof value === "number" && value >= least)) continue;
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The option ${option} of ${verb} must be a number of at least ${least}, not ${String(value)}.`,
      { verb, option },
    );
  }
}

type Kind = keyof typeof isOfKind;

/** What an option of a kind may be; plain JavaScript may give anything. */
const isOfKind = {
  "true or false": (value: unknown) => typeof value === "boolean",
  text: (value: unknown) => typeof value === "string",
  "a function": (value: unknown) => typeof value === "function",
  "an AbortSignal": (value: unknown) => value instanceof AbortSignal,
  "an object of texts": (value: unknown) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((member) => typeof member === "string"),
  "an array of texts": (value: unknown) =>
    Array.isArray(value) && value.every((member) => typeof member === "string"),
};

/** Kinds of options by name: an option has one kind in every verb. */
const kinds: ReadonlyMap<string, Kind> = new Map(
  Object.entries({
    "true or false":
      "mergeSchema upgradeProtocol recordRejection dynamicPartitions overwriteSchema ifNotExists dryRun deep data orphans checkFiles registerConstraints extended changes follow skipChangeCommits ignoreDeletes retentionCheck ignoreMissingFiles record full purge replace statistics truncateHistory repair content allowLeakage",
    text: "userMetadata description messageContains batch exportFolder condition prefix",
    "a function": "onProgress openStore onCommit confirm",
    "an AbortSignal": "signal",
    "an object of texts": "properties addConstraints set",
    "an array of texts": "unset dropConstraints dropFeatures forgetClones",
  } satisfies Record<Kind, string>).flatMap(([kind, names]) =>
    names.split(" ").map((name) => [name, kind as Kind] as const),
  ),
);

/** Refuses an option that is no whole number of at least 1. @throws `INVALID_ARGUMENT` naming the option */
export function requireCount(verb: string, option: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of ${verb} must be a whole number of at least 1, not ${String(value)}.`,
    { verb, option },
  );
}

function wrongKind(verb: string, option: string, kind: Kind): VarveError {
  return new VarveError("INVALID_ARGUMENT", `The option ${option} of ${verb} must be ${kind}.`, {
    verb,
    option,
  });
}

/** Options of every verb that are lists of columns' names. */
const nameLists: ReadonlySet<string> = new Set([
  "columns",
  "partitionBy",
  "clusterBy",
  "zorderBy",
  "except",
  "tieBreak",
]);

function requireNames(verb: string, option: string, value: unknown): void {
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return;
  const example = typeof value === "string" ? JSON.stringify([value]) : '["id"]';
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of ${verb} must be an array of column names, such as ${example}.`,
    { verb, option },
  );
}

function unknownOption(verb: string, path: string, key: string, known: readonly string[]): VarveError {
  const prefix = path === "" ? "" : `${path}.`;
  const nearest = nearestName(key, known);
  return new VarveError(
    "INVALID_ARGUMENT",
    `Unknown option ${JSON.stringify(prefix + key)} of ${verb}.${nearest === undefined ? "" : ` Did you mean ${JSON.stringify(prefix + nearest)}?`} The options are: ${known.join(", ")}.`,
    {
      verb,
      option: prefix + key,
      nearest: nearest === undefined ? undefined : prefix + nearest,
      known: [...known],
    },
  );
}

/** The name with the fewest edits from `word`, ignoring case, unless no letter of it stays. */
function nearestName(word: string, names: readonly string[]): string | undefined {
  const distances = names.map((name) => ({
    name,
    distance: editDistance(word.toLowerCase(), name.toLowerCase()),
  }));
  const nearest = distances.reduce<{ readonly name?: string; readonly distance: number }>(
    (best, next) => (next.distance < best.distance ? next : best),
    { distance: Number.POSITIVE_INFINITY },
  );
  return nearest.distance < Math.max(word.length, nearest.name?.length ?? 0) ? nearest.name : undefined;
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  const short = from.slice(0, 100);
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...short].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const [left = 0, above = 0, diagonal = 0] = [next[column - 1], row[column], row[column - 1]];
      next.push(Math.min(left + 1, above + 1, diagonal + (to[column - 1] === letter ? 0 : 1)));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
