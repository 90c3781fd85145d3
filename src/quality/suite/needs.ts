import { ownMember } from "../../util/own-member.ts";
import { expectations } from "../checks/registry.ts";
import { thisTable } from "../model/expectation.ts";
import type { Check, Suite } from "../model/suite.ts";

const functionKind = "expect_rows_to_satisfy_function";

/** What must be available before a suite can run. */
export interface SuiteNeeds {
  /** Names of relations that checks compare with; `this` is the target table. */
  readonly relations: readonly string[];
  /** Names of TypeScript functions that the suite calls but does not include. */
  readonly functions: readonly string[];
  /** Metrics whose history is needed. */
  readonly history: boolean;
  /** Whether the session must be fenced, because the suite contains SQL. */
  readonly fence: boolean;
  /** Name of the `array<string>` column that tagging adds. */
  readonly tagColumn: string | null;
  /** Whether each row must be identifiable, because rows are set aside or judged by their place. */
  readonly positions: boolean;
}

/** Returns what a suite needs, without planning it. */
export function suiteNeeds(suite: Suite): SuiteNeeds {
  const relations = new Set<string>();
  const functions = new Set<string>();
  for (const { kind, params, repair } of suite.checks) {
    if (repair?.with === "function") functions.add(repair.function);
    if (params["across_table"] === true) relations.add(thisTable);
    if (expectations.get(kind)?.params["table"] !== undefined && typeof params["table"] === "string")
      relations.add(params["table"]);
    if (kind === functionKind && typeof params["function"] === "string") functions.add(params["function"]);
  }
  return {
    relations: [...relations],
    functions: [...functions].filter((name) => ownMember(suite.functions, name) === undefined),
    history: suite.checks.some((check) => check.kind === "expect_metric_to_be_normal"),
    fence: suite.checks.some(
      (check) =>
        check.where !== undefined || check.params["expression"] !== undefined || check.repair?.with === "sql",
    ),
    tagColumn: suite.checks.some((check) => check.onFail === "tag") ? suite.tagColumn : null,
    positions: suite.onMisfit === "quarantine" || suite.checks.some(namesRows),
  };
}

function namesRows({ kind, onFail, escalate, repair }: Check): boolean {
  return (
    [onFail, escalate?.to, repair?.otherwise].includes("quarantine") ||
    repair?.with === "function" ||
    expectations.get(kind)?.level === "group" ||
    kind === functionKind
  );
}
