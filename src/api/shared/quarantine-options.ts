import { VarveError } from "../../errors.ts";
import { knownOptions } from "./known-options.ts";
import { quarantineReadKeys, selectionKeys } from "./option-keys.ts";
import type { QuarantineReadOptions, QuarantineSelection } from "./options.ts";
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

/** A caller's selection of rows to change, which are open. @throws `INVALID_ARGUMENT` naming the option */
export function toOpenSelection(verb: string, selection: QuarantineSelection): QuarantineSelection {
  const known = toSelection(verb, selection);
  requireOpen(verb, known);
  return known;
}

/** Refuses what plain JavaScript may give for a selection. @throws `INVALID_ARGUMENT` naming the option */
export function requireSelection(verb: string, selection: QuarantineSelection): void {
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

/** Refuses a selection of rows that are not open, of which nothing can become any more. @throws `INVALID_ARGUMENT` */
export function requireOpen(verb: string, { status = "open" }: QuarantineSelection): void {
  if (status === "open") return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb} changes open rows only, not those that are ${status}. Leave the option status out.`,
    { option: "status" },
  );
}

/** Refuses what plain JavaScript may give for the expressions of a repair. @throws `INVALID_ARGUMENT` */
export function requireExpressions(set: Readonly<Record<string, string>>): void {
  requireOptions(set, "quarantine.repair (its second parameter)");
  for (const [column, expression] of Object.entries(set))
    requireText(expression, `The expression for ${column}`, column);
}

const statuses = ["open", "claimed", "resubmitted", "discarded"];
