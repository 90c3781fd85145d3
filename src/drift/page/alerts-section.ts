import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import { counted } from "../../util/counted.ts";
import type { PageAlert } from "./page-options.ts";

/** Alerts that are listed. */
const mostAlerts = 20;

/** The alerts that fire; the only part of a page that is red. Nothing without them. */
export function alertsSection(alerts: readonly PageAlert[]): string {
  const firing = alerts.filter(isFiring);
  if (firing.length === 0) return "";
  const lines = firing.slice(0, mostAlerts).map((alert) => {
    const since = alert.since === alert.version ? "" : `, since v${alert.since}`;
    return `<li><b>● ${line(alert.severity)}</b> at v${alert.version}${since}${silenceText(alert)}: ${line(alert.text)}</li>`;
  });
  const left = firing.length - lines.length;
  const note = left > 0 ? `<p>${counted(left, "alert")} more.</p>` : "";
  return `<section class="card alerts" aria-labelledby="alerts"><h2 id="alerts">${counted(firing.length, "alert")} firing</h2><ul>${lines.join("")}</ul>${note}</section>`;
}

export function isFiring({ status }: PageAlert): boolean {
  return status === "firing";
}

function silenceText({ muted, acknowledged }: PageAlert): string {
  const isSet = (silence: unknown) => silence !== null && silence !== undefined;
  const words = [...(isSet(muted) ? ["muted"] : []), ...(isSet(acknowledged) ? ["acknowledged"] : [])];
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function line(text: string): string {
  return escapeMarkup(
    visible(text.length > 300 ? `${text.slice(0, 299).replace(/[\ud800-\udbff]$/, "")}…` : text),
  );
}
