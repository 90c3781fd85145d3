import { takesLeaf } from "../definition/column-names.ts";
import type { AlertRule, AlertSeverity } from "../definition/definition.ts";

/** A rule of a monitor's alerts in one shape for all kinds of rules. */
export interface NamedRule {
  /** Names the rule in the keys of its alerts: what it looks at, with a number where there are several. */
  readonly name: string;
  readonly when: AlertRule["when"];
  /** Names of columns, or patterns. */
  readonly columns: readonly string[];
  /** Effect at which drift counts; default: the threshold of the comparison. */
  readonly effect: number | undefined;
  /** Fires with `hits` of the last `of` readings. */
  readonly hits: number;
  readonly of: number;
  /** Clears after `clearFor` readings in a row below `clearRatio` of the threshold. */
  readonly clearRatio: number;
  readonly clearFor: number;
  readonly severity: AlertSeverity;
  /** Of rules on performance, reached or estimated. */
  readonly metric: string | undefined;
  /** Loss of the metric at which it counts; default: any. */
  readonly drop: number | undefined;
  /** Whether the interval of the metric must exclude the baseline's value, too. */
  readonly ci: boolean;
}

/** Effect that fires at once, however many readings a rule asks for. */
export const urgentEffect = 0.4;

/** What rules without a persistence of their own have: they fire at once, and clear after two versions. */
const usual = { hits: 1, of: 1, clearRatio: 0.7, clearFor: 2 };

/** The rules of a monitor with their names: `drift`, `broken`, `performance roc_auc`; a second one is `drift 2`. */
export function namedRules(rules: readonly AlertRule[]): NamedRule[] {
  const counts = new Map<string, number>();
  return rules.map((rule) => {
    const subject = "metric" in rule ? `${rule.when} ${rule.metric}` : rule.when;
    const count = (counts.get(subject) ?? 0) + 1;
    counts.set(subject, count);
    return { name: count === 1 ? subject : `${subject} ${count}`, ...plainRule(rule) };
  });
}

function plainRule(rule: AlertRule): Omit<NamedRule, "name"> {
  const { when, severity } = rule;
  const persistence =
    "for" in rule
      ? { hits: rule.for[0], of: rule.for[1], clearRatio: rule.clear.ratio, clearFor: rule.clear.for }
      : usual;
  return {
    when,
    severity,
    ...persistence,
    columns: "columns" in rule ? rule.columns : [],
    effect: rule.when === "drift" ? rule.effect : undefined,
    metric: "metric" in rule ? rule.metric : undefined,
    drop: "metric" in rule ? rule.drop : undefined,
    ci: "metric" in rule && rule.ci,
  };
}

/** Whether a rule on columns looks at one. */
export function looksAt({ columns }: NamedRule, column: string): boolean {
  return columns.some((pattern) => takesLeaf(column, pattern));
}
