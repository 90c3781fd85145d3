import { type DriftReport, drift } from "../../src/index.ts";
import type { DriftPageOptions } from "../../src/report.ts";

/** Markup, line breaks, and characters that a reader does not see. */
export const hostileLabel =
  "\u001b[31mred L\u202eXA\nsecond </td></summary></script><script>document.title='hacked'</script><img src=x onerror=document.title='hacked'> \"' ]]>";

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Month {
  readonly month: number;
  readonly app: number;
  readonly shift: number;
  readonly nulls: number;
}

const quietMonth: Month = { month: 1, app: 0.3, shift: 0, nulls: 0.01 };

function orders({ month, app, shift, nulls }: Month, count = 1500) {
  const random = uniform(month);
  return Array.from({ length: count }, (_, index) => ({
    order_id: month * 100_000 + index,
    placed: new Date(Date.UTC(2024, month - 1, 1 + (index % 28), index % 24)),
    channel: random() < app ? "app" : random() < 0.7 ? "web" : "phone",
    score: 1 / (1 + Math.exp(-normal(random) - shift)),
    amount: Math.exp(normal(random)) * 20,
    age: random() < nulls ? null : Math.round(40 + 12 * normal(random)),
    country: ["DE", "FR", "AT"][Math.floor(random() * 3)],
    is_new: random() < 0.2,
  }));
}

const movedMonth: Month = { month: 7, app: 0.55, shift: 0.5, nulls: 0.3 };
const options = { exclude: ["placed"], roles: { score: "score" } } as const;

/** Orders whose channels and scores move, and whose ages are missing more often; by country, too. */
export function movedReport(): Promise<DriftReport> {
  return drift(orders(quietMonth), orders(movedMonth), { ...options, by: ["country"] });
}

/** The same with all columns at once. */
export function togetherReport(): Promise<DriftReport> {
  const multivariate = ["magnitude", "reconstruction", "correlations", "mmd"] as const;
  return drift(orders(quietMonth, 600), orders(movedMonth, 600), { ...options, multivariate });
}

/** The same month by month: the channel moves from the fifth on. */
export function windowsReport(): Promise<DriftReport> {
  const months = [2, 3, 4, 5, 6, 7].flatMap((month) =>
    orders({ ...quietMonth, month, app: month < 5 ? 0.3 : 0.3 + 0.08 * (month - 4) }, 1500),
  );
  return drift(orders(quietMonth), months, { ...options, window: { column: "placed", every: "P1M" } });
}

/** Six versions of orders as a monitor sees them: the channel moves from the fourth on, and an alert fires in the fifth. */
export async function monitorReports(): Promise<{
  readonly report: DriftReport;
  readonly options: DriftPageOptions;
}> {
  const history: DriftReport[] = [];
  for (const [index, app] of [0.3, 0.31, 0.29, 0.45, 0.48, 0.55].entries()) {
    const found = await drift(
      orders(quietMonth),
      orders({ ...quietMonth, month: index + 2, app }, 800),
      options,
    );
    history.unshift({ ...found, monitor: "inputs", current: { ...found.current, version: index + 7 } });
  }
  const [report] = history;
  if (report === undefined) throw new Error("no report");
  const alert = { severity: "warning", since: 10, version: 11, text: "channel moved in 2 of 3 versions." };
  return {
    report,
    options: {
      history,
      releases: [
        { name: "model-7", version: 9 },
        { name: hostileLabel, version: 12 },
      ],
      alerts: [
        { ...alert, column: "channel", status: "firing", acknowledged: { by: "ann" } },
        { ...alert, column: "score", status: "resolved", text: "score is quiet again." },
      ],
      model: [
        {
          metric: "roc_auc",
          baseline: 0.83,
          note: "The estimate holds as long as outcomes depend on the inputs as they did.",
          points: [0.83, 0.84, 0.82, 0.8, null, null].map((value, index) => ({
            label: `v${index + 7}`,
            realised: value === null ? undefined : { value, low: value - 0.02, high: value + 0.02 },
            estimated: { value: 0.83 - index / 100, low: 0.81 - index / 100, high: 0.85 - index / 100 },
            labelledShare: [1, 1, 0.98, 0.7, 0.12, 0][index] ?? null,
          })),
        },
        { metric: hostileLabel, baseline: null, points: [{ label: hostileLabel }] },
      ],
    },
  };
}

/** Two samples of the same orders. */
export function quietReport(): Promise<DriftReport> {
  return drift(orders(quietMonth), orders({ ...quietMonth, month: 2 }), options);
}

/** Ten rows on a side. */
export function fewReport(): Promise<DriftReport> {
  return drift(orders(quietMonth, 10), orders(movedMonth, 10), options);
}

/** Names and values of columns and slices that try to break out of the page. */
export function hostileReport(): Promise<DriftReport> {
  const rows = (share: number) => {
    const random = uniform(9);
    return Array.from({ length: 600 }, () => ({
      [hostileLabel]: random() < share ? hostileLabel : "x".repeat(450),
      number: normal(random) + share,
    }));
  };
  return drift(rows(0.2), rows(0.7), {
    by: [hostileLabel],
    slices: [{ name: hostileLabel, where: "true" }],
    multivariate: ["magnitude", "correlations"],
  });
}

/** As many columns, of which every third moves: by half as many numbers as categories of 60 values. */
export function wideReport(columns: number): Promise<DriftReport> {
  const rows = (seed: number, shift: number) => {
    const random = uniform(seed);
    return Array.from({ length: 700 }, () =>
      Object.fromEntries(
        Array.from({ length: columns }, (_, index) => {
          const move = index % 3 === 0 ? shift : 0;
          const value =
            index % 2 === 0
              ? normal(random) + move
              : `a value of some length, ${Math.floor(60 * random() ** (1 + move))}`;
          return [`a_column_with_a_long_name_${index}`, value];
        }),
      ),
    );
  };
  return drift(rows(1, 0), rows(2, 0.8));
}
