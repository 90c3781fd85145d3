import { VarveError } from "../../errors.ts";
import { nearestName } from "../../util/nearest-name.ts";

/** A value in a definition, and its path there. */
export interface Field {
  readonly path: string;
  readonly value: unknown;
}

/** Longest text of a value in a message. */
const shownCharacters = 200;

/** The error for a value that a definition cannot have. `remedy` is a sentence without its full stop. */
export function invalidMonitor(field: Field, problem: string, remedy: string, nearest?: string): VarveError {
  const { path } = field;
  const hint = nearest === undefined ? "" : ` Did you mean ${JSON.stringify(nearest)}?`;
  return new VarveError(
    "MONITOR_INVALID",
    `The monitor is not valid: ${path === "" ? "the definition" : path} ${problem}.${hint} ${remedy}.`,
    { path, value: shownField(field), nearest },
  );
}

/** Fields whose addresses and commands may hold secrets, which no message repeats. */
const secretFields: ReadonlySet<string> = new Set(["notify", "webhook", "command"]);

/** A value of a definition as short text, without what may be secret. */
export function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (key, inner: unknown) => (secretFields.has(key) ? "***" : inner)) ?? typeof value;
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`;
}

/** Where to send alerts: whatever is written there, but names of files. */
const secretPath = /(?:^|[.\]])notify\b(?!.*\.file$)/;

function shownField({ path, value }: Field): string {
  // The JSON of a whole definition.
  if (path === "" && typeof value === "string") return "text";
  return value !== undefined && secretPath.test(path) ? "***" : shown(value);
}

/** A value that is none of the names, with the nearest of them. */
export function unknownName(field: Field, what: string, names: readonly string[]): VarveError {
  const name = String(field.value);
  return invalidMonitor(
    field,
    `has the unknown ${what} ${shownField(field)}`,
    `Choose one of ${names.slice(0, 40).join(", ")}`,
    nearestName(name, names),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pathBelow(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** The fields of an object that has no others. @throws `MONITOR_INVALID` naming an unknown field and the nearest one */
export function fieldsOf<const Name extends string>(
  field: Field,
  names: readonly Name[],
): Readonly<Partial<Record<Name, Field>>> {
  const { path, value } = field;
  if (!isObject(value))
    throw invalidMonitor(
      field,
      `must be an object, not ${shownField(field)}`,
      `Its fields are ${names.join(", ")}`,
    );
  for (const key of Object.keys(value))
    if (!names.some((name) => name === key))
      throw invalidMonitor(
        { path: pathBelow(path, key), value: value[key] },
        "is an unknown field",
        `The fields here are ${names.join(", ")}`,
        nearestName(key, names),
      );
  const found: Partial<Record<Name, Field>> = {};
  for (const name of names)
    if (value[name] !== undefined) found[name] = { path: pathBelow(path, name), value: value[name] };
  return found;
}

/** A field that must be there. @throws `MONITOR_INVALID` */
export function required(field: Field | undefined, path: string, remedy: string): Field {
  if (field !== undefined) return field;
  throw invalidMonitor({ path, value: undefined }, "is missing", remedy);
}

/** @throws `MONITOR_INVALID` for anything but text that is not empty */
export function textOf(field: Field): string {
  const { value } = field;
  if (typeof value === "string" && value.trim() !== "" && value.length <= 10_000) return value;
  throw invalidMonitor(
    field,
    `must be text, not ${shownField(field)}`,
    "Write text of at most 10,000 characters, and not empty",
  );
}

/** @throws `MONITOR_INVALID` for a number outside of the range, or no number */
export function numberOf(field: Field, range: string, isGood: (value: number) => boolean): number {
  const { value } = field;
  if (typeof value === "number" && Number.isFinite(value) && isGood(value)) return value;
  throw invalidMonitor(field, `must be a number ${range}, not ${shownField(field)}`, "Change the number");
}

/** @throws `MONITOR_INVALID` for anything but a whole number of at least `least` */
export function countOf(field: Field, least: number, most = 1_000_000_000): number {
  const { value } = field;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw invalidMonitor(
    field,
    `must be a whole number from ${least} to ${most}, not ${shownField(field)}`,
    "Change the number",
  );
}

/** @throws `MONITOR_INVALID` */
export function flagOf(field: Field): boolean {
  if (typeof field.value === "boolean") return field.value;
  throw invalidMonitor(field, `must be true or false, not ${shownField(field)}`, "Write true or false");
}

/** @throws `MONITOR_INVALID` with the nearest name */
export function oneOf<const Name extends string>(field: Field, what: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === field.value);
  if (found === undefined) throw unknownName(field, what, names);
  return found;
}

/** @throws `MONITOR_INVALID` for anything but a list of at most `most` */
export function listOf<T>(field: Field, parse: (item: Field) => T, most = 1_000): T[] {
  const { path, value } = field;
  if (!Array.isArray(value))
    throw invalidMonitor(field, `must be a list, not ${shownField(field)}`, "Put it into [ ]");
  if (value.length > most)
    throw invalidMonitor(field, `has ${value.length} entries`, `At most ${most} are allowed`);
  return value.map((item: unknown, index) => parse({ path: `${path}[${index}]`, value: item }));
}

/** The values of an object by name. @throws `MONITOR_INVALID` */
export function recordOf<T>(
  field: Field,
  parse: (value: Field, key: Field) => T,
): Readonly<Record<string, T>> {
  const { path, value } = field;
  if (!isObject(value))
    throw invalidMonitor(
      field,
      `must be an object, not ${shownField(field)}`,
      'Write it as { "name": value }',
    );
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const below = pathBelow(path, name);
      return [name, parse({ path: below, value: item }, { path: below, value: name })];
    }),
  );
}
