/** Styles of the page: one column on a phone, no fixed widths, dark where the reader's system is. */
export const styles = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#5b6570;--line:#d9dee4;--pass:#1a7f4b;--warn:#9a6700;--fail:#c0392b;--accent:#2f6fb0}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--card:#1d2125;--ink:#e6e9ec;--soft:#9aa5b1;--line:#343a41;--pass:#4cc38a;--warn:#e0b04c;--fail:#ff7b6b;--accent:#6cb0f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.75rem 0 .75rem}
header p,footer,.facts,small{color:var(--soft);overflow-wrap:anywhere}footer{padding-block:2rem}
.badge{font-size:.8rem;font-weight:600;padding:.1rem .5rem;border:1px solid currentColor;border-radius:1rem;vertical-align:middle}
.badge.pass{color:var(--pass)}.badge.warn{color:var(--warn)}.badge.fail{color:var(--fail)}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem;margin:1rem 0}
.numbers div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .9rem}
.numbers dt{color:var(--soft);font-size:.85rem}.numbers dd{margin:0;font-size:1.4rem;font-variant-numeric:tabular-nums}
.numbers .warn dd{color:var(--warn)}.numbers .fail dd{color:var(--fail)}.numbers .pass dd{color:var(--pass)}
.reasons{background:var(--card);border:1px solid var(--fail);border-radius:.5rem;padding:0 1rem}.reasons h2{margin-top:1rem}.reasons li{overflow-wrap:anywhere}
.filter{display:flex;flex-wrap:wrap;gap:.5rem;margin-bottom:.75rem}
button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:.35rem .9rem;min-height:2.5rem;cursor:pointer}
button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);font-weight:600}
.check{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .9rem;margin-bottom:.5rem}
.check[hidden]{display:none}
summary{cursor:pointer;overflow-wrap:anywhere;min-height:2rem}.found{color:var(--soft)}
meter{width:6rem;vertical-align:middle}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:8rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:.75rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.75rem}
figcaption{overflow-wrap:anywhere}svg{width:100%;height:auto;display:block}
polyline{fill:none;stroke:var(--accent);stroke-width:2;vector-effect:non-scaling-stroke}circle{fill:var(--accent)}
`;

/** Shows all checks, the failed or the passed ones. */
export const filterScript = `
for (const button of document.querySelectorAll("[data-show]")) button.addEventListener("click", () => {
  for (const other of document.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", String(other === button));
  for (const check of document.querySelectorAll("[data-state]")) check.hidden = button.dataset.show !== "all" && check.dataset.state !== button.dataset.show;
});
`;
