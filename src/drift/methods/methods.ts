import type { Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import type { SideOfRows } from "../comparison/compared-baseline.ts";
import type { DriftDefinition } from "../comparison/definition.ts";
import type { DriftRecord } from "../comparison/drift-record.ts";
import { leafNamed } from "../comparison/slices.ts";
import type { Subject } from "../comparison/subject.ts";
import type { SideRows } from "../comparison/subjects.ts";
import { type MethodAnswer, methodAnswer } from "../peers/method-answers.ts";
import { type DriftMethod, kindsOf, methodsFor, typeFor } from "../peers/method-names.ts";
import type { PeerType, PeerValue } from "../peers/peer-column.ts";
import { numberOf } from "../profile/counted.ts";
import type { Leaf } from "../profile/leaves.ts";

/** Rows of a side, and characters of its texts, that methods read into memory at most. */
const [mostRows, mostCharacters] = [2_000_000, 100_000_000];

interface Compared {
  readonly sides: SideRows;
  readonly subjects: readonly Subject[];
  /** The records of the subjects, in their order. */
  readonly records: readonly DriftRecord[];
}

type Asked = Pick<DriftDefinition, "method" | "methods" | "alpha">;

/**
 * Adds what the methods that were asked for say of columns over all rows, from the values of both sides. Slices have no
 * answer of their own.
 *
 * @throws `COLUMN_NOT_FOUND`; `INVALID_ARGUMENT` for a method that does not fit the kind of the column, or none of
 * the columns; `LIMIT_EXCEEDED` for more than 2,000,000 rows of a side
 */
export async function withMethods(
  session: Session,
  { sides, subjects, records }: Compared,
  definition: Asked,
): Promise<DriftRecord[]> {
  requireColumns(sides, subjects, definition.methods ?? {});
  const requests = subjects.map((subject, index) => requestOf(subject, records[index], definition));
  requireAnyFit(requests, definition);
  const result: DriftRecord[] = [];
  for (const [index, record] of records.entries()) {
    const request = requests[index];
    if (request === undefined) result.push(record);
    else result.push(withAnswer(record, request, await answerOf(session, request, { sides, definition })));
  }
  return result;
}

/** What a method is asked of a column, or why it cannot be. */
interface Request {
  readonly method: DriftMethod;
  readonly leaf: Leaf;
  readonly type: PeerType | undefined;
  readonly reason: string | undefined;
}

function requestOf(
  { leaf, measure, slice, window }: Subject,
  record: DriftRecord | undefined,
  { method: general, methods = {} }: Asked,
): Request | undefined {
  const own = Object.entries(methods).find(([name]) => foldName(name) === foldName(leaf.name))?.[1];
  const method = own ?? general;
  if (method === undefined || slice !== null || window !== null) return undefined;
  // Methods read the text itself, whose length has the answer.
  if (measure?.part === "tokens") return undefined;
  if (measure === null || record?.verdict === "not_applicable")
    return { method, leaf, type: undefined, reason: record?.reason ?? "no_rows" };
  const type = typeFor(method, measure.kind);
  if (type === undefined && own !== undefined) {
    const others = methodsFor(measure.kind);
    const remedy =
      others.length === 0 ? "No method takes such columns." : `Choose one of ${others.join(", ")}.`;
    throw invalid(
      method,
      `The method ${method} does not take the column ${leaf.name}, whose kind is ${measure.kind}: it takes ${kindsOf(method).join(", ")}. ${remedy}`,
      leaf.name,
    );
  }
  return { method, leaf, type, reason: type === undefined ? `kind_${measure.kind}` : undefined };
}

function invalid(method: string, message: string, column?: string): VarveError {
  const place = column === undefined ? {} : { column: [column] };
  return new VarveError("INVALID_ARGUMENT", message, { verb: "drift", method, ...place });
}

function requireColumns(
  { baseline, current }: SideRows,
  subjects: readonly Subject[],
  methods: Readonly<Record<string, DriftMethod>>,
): void {
  for (const [name, method] of Object.entries(methods)) {
    leafNamed([...baseline.leaves, ...current.leaves], name);
    if (subjects.some(({ leaf }) => foldName(leaf.name) === foldName(name))) continue;
    throw invalid(
      method,
      `The column ${name} has the method ${method}, but is not among the columns that are compared. Add it to columns.`,
      name,
    );
  }
}

/** A method for all columns that takes none of them is a mistake. */
function requireAnyFit(requests: readonly (Request | undefined)[], { method }: Asked): void {
  const general = requests.filter((request) => request?.method === method && request?.reason !== "excluded");
  if (method === undefined || general.length === 0) return;
  const misfits = general.filter((request) => request?.reason?.startsWith("kind_"));
  if (misfits.length === 0 || general.some((request) => request?.type !== undefined)) return;
  throw invalid(
    method,
    `The method ${method} takes none of the columns that are compared: it takes ${kindsOf(method).join(", ")} columns.`,
  );
}

function withAnswer(record: DriftRecord, { method }: Request, answer: MethodAnswer): DriftRecord {
  const { value, p, threshold, drift, reason } = answer;
  const because = reason === undefined ? {} : { method: reason };
  return {
    ...record,
    method: { name: method, value, p, threshold, drift },
    undefined_because: { ...record.undefined_because, ...because },
  };
}

async function answerOf(
  session: Session,
  { method, leaf, type, reason }: Request,
  { sides, definition }: { readonly sides: SideRows; readonly definition: Asked },
): Promise<MethodAnswer> {
  const after = sides.current.leaves.find(({ name }) => foldName(name) === foldName(leaf.name));
  if (type === undefined || after?.class !== leaf.class)
    return { value: null, p: null, threshold: null, drift: null, reason: reason ?? "all_null" };
  const values = async (side: SideOfRows, own: Leaf) => await valuesOf(session, side, { method, leaf: own });
  const column = {
    type,
    baseline: await values(sides.baseline, leaf),
    current: await values(sides.current, after),
  };
  return methodAnswer(method, column, definition.alpha);
}

async function valuesOf(
  session: Session,
  { select, rows }: SideOfRows,
  { method, leaf }: { readonly method: DriftMethod; readonly leaf: Leaf },
): Promise<PeerValue[]> {
  await requireFewEnough(session, { select, rows }, { method, leaf });
  const value = plainName("v");
  const values: PeerValue[] = [];
  // One string for rows with the same text.
  const texts = new Map<string, PeerValue>();
  const interned = (text: string): PeerValue => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    const own = leaf.class === "boolean" ? text === "true" : text;
    texts.set(text, own);
    return own;
  };
  for await (const batch of session.arrow(sql`SELECT ${leaf.value} AS ${value} FROM (${select})`)) {
    const column: Iterable<unknown> = batch.getChildAt(0) ?? [];
    for (const each of column)
      values.push(typeof each === "string" ? interned(each) : typeof each === "number" ? each : null);
  }
  return values;
}

async function requireFewEnough(
  session: Session,
  { select, rows }: { readonly select: SqlSelect; readonly rows: number },
  { method, leaf }: { readonly method: DriftMethod; readonly leaf: Leaf },
): Promise<void> {
  if (rows > mostRows) throw tooMuch({ method, leaf, value: rows, limit: mostRows, what: "rows" });
  if (leaf.class !== "text" && leaf.class !== "binary") return;
  const [row = {}] = await session.rows(sql`SELECT sum(length(${leaf.value})) AS n FROM (${select})`);
  const value = numberOf(row["n"]);
  if (value > mostCharacters)
    throw tooMuch({ method, leaf, value, limit: mostCharacters, what: "characters" });
}

interface TooMuch {
  readonly method: DriftMethod;
  readonly leaf: Leaf;
  readonly value: number;
  readonly limit: number;
  readonly what: "rows" | "characters";
}

function tooMuch({ method, leaf, value, limit, what }: TooMuch): VarveError {
  const shown = (number: number) => number.toLocaleString("en-US");
  return new VarveError(
    "LIMIT_EXCEEDED",
    `The method ${method} reads the values of ${leaf.name} into memory, and a side has ${shown(value)} ${what}; at most ${shown(limit)} are read. Compare fewer rows by where, or leave out the method: varve's own verdict has no such limit.`,
    { method, column: [leaf.name], value, limit },
  );
}
