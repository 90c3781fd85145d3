import { VarveError } from "../../errors.ts";
import { knownOptions } from "./known-options.ts";
import { quarantineChangeKeys, quarantineReadKeys, selectionKeys } from "./option-keys.ts";
import type {
  QuarantineChange,
  QuarantineReadOptions,
  QuarantineSelection,
  QuarantineStatus,
} from "./options.ts";
import { checkedLimit } from "./snapshot.ts";
import { requireOptions, requireText } from "./table-uri.ts";

/** A caller's selection of rows to read. @throws `INVALID_ARGUMENT` naming the option */
export function toReadSelection(options: QuarantineReadOptions): QuarantineReadOptions {
  const known = knownOptions("quarantine.read", options, quarantineReadKeys);
  if (known.limit !== undefined) checkedLimit(known.limit);
  requireSelection("quarantine.read", known);
  return known;
}

/** A caller's selection of rows to export. @throws `INVALID_ARGUMENT` naming the option */
export function toSelection(verb: string, selection: QuarantineSelection): QuarantineSelection {
  const known = knownOptions(verb, selection, selectionKeys);
  requireSelection(verb, known);
  return known;
}

/**
 * A caller's selection of rows of one status to change, without `all`.
 *
 * @throws `INVALID_ARGUMENT` naming the option; for a selection that neither names rows nor has `all`
 */
export function toChangeSelection(
  verb: string,
  selection: QuarantineChange,
  status: QuarantineStatus,
): QuarantineSelection {
  const known = knownOptions(verb, selection, quarantineChangeKeys);
  requireChange(verb, known, status);
  const { all: _, ...rest } = known;
  return rest;
}

/**
 * Refuses a selection that does not say which rows of a status a verb shall change.
 *
 * @throws `INVALID_ARGUMENT` naming the option
 */
export function requireChange(verb: string, selection: QuarantineChange, status: QuarantineStatus): void {
  requireSelection(verb, selection);
  requireStatus(verb, selection, status);
  requireAll(verb, selection);
  if (selection.all === true || namesRows(selection)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb} needs a selection of rows (ids, batchId or checkId), or { all: true } for every ${status} row. Nothing was changed.`,
    { verb },
  );
}

function namesRows({ ids, batchId, checkId }: QuarantineSelection): boolean {
  return ids !== undefined || batchId !== undefined || checkId !== undefined;
}

/** Refuses an `all` that is no boolean, or that contradicts the rest of a selection. @throws `INVALID_ARGUMENT` */
function requireAll(verb: string, { all, ...rest }: QuarantineChange): void {
  if (all === undefined || all === false) return;
  if (all === true && !namesRows(rest)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    all === true
      ? `${verb} takes all, or a selection of rows (ids, batchId, checkId), not both.`
      : `The option all of ${verb} must be true or false.`,
    { verb, option: "all" },
  );
}

/** Refuses what plain JavaScript may give for a selection. @throws `INVALID_ARGUMENT` naming the option */
function requireSelection(verb: string, selection: QuarantineSelection): void {
  const { ids, batchId, checkId, status } = selection;
  if (ids !== undefined && !(Array.isArray(ids) && ids.every((id) => typeof id === "string")))
    throw new VarveError("INVALID_ARGUMENT", `The option ids of ${verb} must be an array of texts.`, {
      option: "ids",
    });
  if (batchId !== undefined) requireText(batchId, `The option batchId of ${verb}`, "batchId");
  if (checkId !== undefined) requireText(checkId, `The option checkId of ${verb}`, "checkId");
  if (status !== undefined && !statuses.includes(status))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Unknown status ${JSON.stringify(status)} for ${verb}. Use one of ${statuses.join(", ")}.`,
      { option: "status" },
    );
}

/** Refuses a selection of rows of another status than a verb can change. @throws `INVALID_ARGUMENT` */
function requireStatus(verb: string, { status }: QuarantineSelection, possible: QuarantineStatus): void {
  if (status === undefined || status === possible) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb} changes ${possible} rows only, not those that are ${status}. Leave the option status out.`,
    { option: "status" },
  );
}

/** Refuses what plain JavaScript may give for the expressions of a repair. @throws `INVALID_ARGUMENT` */
export function requireExpressions(set: Readonly<Record<string, string>>): void {
  requireOptions(set, "quarantine.repair (its second parameter)");
  if (Object.keys(set).length === 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      'quarantine.repair needs at least one column with its expression, as in { amount: "abs(amount)" }.',
      { option: "set" },
    );
  for (const [column, expression] of Object.entries(set))
    requireText(expression, `The expression for ${column}`, column);
}

const statuses = ["open", "claimed", "resubmitted", "discarded", "any"];
