import { VarveError } from "../../errors.ts";
import type { MergeRequest } from "../../operations/merge/merge-request.ts";
import type { MergeOptions as MergeVerbOptions } from "../../operations/merge/merge-rows.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import { type AppendOptions, appendKeys } from "./table-options.ts";
import { requireOptions } from "./table-uri.ts";
import { toCommitOptions } from "./write-options.ts";

/** Options of {@link Table.merge}. */
export interface MergeOptions extends AppendOptions {
  /**
   * Which row of the table a row of the source is: an SQL condition over both, such as
   * `target.id = source.id`, or names of columns that must be equal. Where it is null, the rows do not match.
   */
  readonly on: string | readonly string[];
  /** What expressions call the table; default `target`. */
  readonly targetAlias?: string | undefined;
  /** What expressions call the source; default `source`. */
  readonly sourceAlias?: string | undefined;
  /**
   * When several rows of the source match one of the table: `error` refuses that, as Spark does;
   * `error-if-acting` only if more than one of them would change the row. Default `error`.
   */
  readonly onDuplicate?: "error" | "error-if-acting" | undefined;
  /**
   * Count what would change, file by file, and write nothing. Tests are not run: rows that they would set aside are
   * counted too.
   */
  readonly dryRun?: boolean | undefined;
}

const mergeKeys = {
  ...appendKeys,
  on: true,
  targetAlias: true,
  sourceAlias: true,
  onDuplicate: true,
  dryRun: true,
} satisfies OptionKeys<MergeOptions>;

/** Converts a caller's options of a merge for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toMergeOptions(given: MergeOptions): {
  readonly request: Omit<MergeRequest, "clauses">;
  readonly options: MergeVerbOptions;
} {
  requireOptions(given, "merge");
  const known = knownOptions("merge", given, mergeKeys);
  const { on, targetAlias = "target", sourceAlias = "source", onDuplicate, dryRun, ...rest } = known;
  const { mergeSchema, upgradeProtocol, recordRejection, ...commit } = rest;
  const names = {
    target: requireAlias("targetAlias", targetAlias),
    source: requireAlias("sourceAlias", sourceAlias),
  };
  if (onDuplicate !== undefined && onDuplicate !== "error" && onDuplicate !== "error-if-acting")
    throw invalid(
      `The option onDuplicate of merge must be "error" or "error-if-acting", not ${JSON.stringify(onDuplicate)}.`,
      "onDuplicate",
    );
  return {
    request: {
      names,
      on: { text: conditionText(on, names) },
      keys: typeof on === "string" ? undefined : on,
      assignment: "append",
      evolves: mergeSchema === true,
      upgradeProtocol: upgradeProtocol === true,
    },
    options: { ...toCommitOptions(commit), recordRejection, onDuplicate, dryRun },
  };
}

function conditionText(on: unknown, { target, source }: MergeRequest["names"]): string {
  if (typeof on === "string" && on.trim() !== "") return on;
  if (Array.isArray(on) && on.length > 0 && on.every((name) => typeof name === "string"))
    return on
      .map(
        (name: string) => `${quoteName(target)}.${quoteName(name)} = ${quoteName(source)}.${quoteName(name)}`,
      )
      .join(" AND ");
  throw invalid(
    `merge needs the condition on, such as { on: "${target}.id = ${source}.id" }, or the names of columns that must be equal, such as { on: ["id"] }.`,
    "on",
  );
}

function requireAlias(option: string, alias: unknown): string {
  if (typeof alias === "string" && alias.trim() !== "") return alias;
  throw invalid(`The option ${option} of merge must be a name, such as "t".`, option);
}

function invalid(message: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option });
}
