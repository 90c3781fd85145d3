import { counted } from "../../util/counted.ts";
import type { DriftRecord, DriftReport } from "./drift-record.ts";

/** The report of records: what they say together. */
export function summarized(
  records: readonly DriftRecord[],
  head: Pick<
    DriftReport,
    | "run_id"
    | "at"
    | "definition_hash"
    | "code_version"
    | "table_id"
    | "baseline"
    | "current"
    | "multivariate"
  >,
): DriftReport {
  const count = (verdict: DriftRecord["verdict"]) =>
    records.filter((record) => record.verdict === verdict).length;
  const counts = {
    tested: records.filter(({ test }) => test !== null).length,
    drifted: count("drift"),
    broken: count("broken"),
    insufficient: count("insufficient"),
    not_applicable: count("not_applicable"),
  };
  const verdict = verdictOf(counts, records.length);
  const text = textOf({ verdict, counts, columns: records });
  return { monitor: null, ...head, verdict, counts, text, columns: records };
}

function verdictOf(counts: DriftReport["counts"], records: number): DriftReport["verdict"] {
  if (counts.broken > 0) return "broken";
  if (counts.drifted > 0) return "drift";
  return counts.tested === 0 && counts.insufficient > 0 && records > 0 ? "insufficient" : "none";
}

/** The verdict in a sentence or two. */
function textOf({ verdict, counts, columns }: Pick<DriftReport, "verdict" | "counts" | "columns">): string {
  const compared = `${counted(counts.tested, "comparison")}`;
  const first = columns.find((record) => record.verdict === verdict);
  switch (verdict) {
    case "broken":
      return `${counted(counts.broken, "break")}, and drift in ${counts.drifted} of ${compared}. ${first?.text ?? ""}`;
    case "drift":
      return `Drift in ${counts.drifted} of ${compared}. ${first?.text ?? ""}`;
    case "insufficient":
      return `Too few rows to compare. ${first?.text ?? ""}`;
    case "none":
      return `No drift in ${compared}.`;
  }
}
