import type { Suite } from "../model/suite.ts";
import type { CheckResult } from "./verdict.ts";

/** Rows of a whole batch by what happens to them, and the results of its checks. */
export interface ReactedRows {
  readonly rows: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly checks: readonly Pick<CheckResult, "id" | "reaction" | "unexpected">[];
}

/** Number of checks that a reason names. */
const namedChecks = 5;

/** Why a batch has too many bad rows for `maxBadShare`, with the checks that failed; `undefined` if it has not. */
export function badShareReason(
  suite: Suite,
  { rows, quarantined, dropped, checks }: ReactedRows,
): string | undefined {
  const isDefault = suite.json.maxBadShare === undefined;
  const bad = quarantined + dropped;
  // Of one row, the share is always 0 or 1: the default would make rejections of the reactions of a
  // writer that appends row by row.
  if (isDefault && rows === 1) return undefined;
  if (rows === 0 || bad / rows <= suite.maxBadShare) return undefined;
  const failed = checks
    .flatMap(({ id, reaction, unexpected }) =>
      (reaction === "quarantine" || reaction === "drop") && unexpected !== null && unexpected > 0
        ? [{ id, unexpected }]
        : [],
    )
    .sort((a, b) => b.unexpected - a.unexpected);
  const named = failed.slice(0, namedChecks).map(({ id, unexpected }) => `${id} (${digits(unexpected)})`);
  const failures = named.length === 0 ? "were set aside" : `failed ${named.join(", ")}`;
  const more = failed.length - named.length;
  const others = more > 0 ? ` and ${more} more ${more === 1 ? "check" : "checks"}` : "";
  const limit = `${Number((suite.maxBadShare * 100).toPrecision(6))} %`;
  const remedy = isDefault ? ", its default; maxBadShare: 1 allows any share" : "";
  return `${digits(bad)} of ${digits(rows)} rows ${failures}${others}, more than the ${limit} that maxBadShare allows${remedy}`;
}

function digits(count: number): string {
  return count.toLocaleString("en-US");
}
