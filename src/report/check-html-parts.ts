/** Styles of the page of checks: one column on a phone, no fixed widths. */
export const checkStyles = `
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1.25rem 0 .75rem}
.numbers div,.check,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;box-shadow:var(--shade)}
.numbers div{padding:.7rem 1rem}
.numbers dt{color:var(--soft);font-size:.85rem}.numbers dd{margin:0;font-size:1.5rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.numbers .warn dd{color:var(--warn)}.numbers .fail dd{color:var(--fail)}.numbers .pass dd{color:var(--pass)}
.share{display:flex;gap:2px;height:.6rem;border-radius:.3rem;overflow:hidden;background:var(--line)}
.share i{display:block;min-width:3px}.share .pass{background:var(--pass)}.share .warn{background:var(--warn)}.share .fail{background:var(--fail)}
.reasons{border:1px solid var(--fail);background:var(--fail-soft);border-radius:.6rem;padding:.9rem 1.25rem;margin-top:1.25rem}.reasons h2{margin:0 0 .25rem;color:var(--fail)}.reasons ul{margin:0;padding-left:1.2rem}.reasons li{overflow-wrap:anywhere}
.filter{display:flex;flex-wrap:wrap;gap:.5rem;margin-bottom:.75rem}
button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:1.4rem;padding:.35rem 1rem;min-height:2.75rem;cursor:pointer}
button:disabled{color:var(--soft);cursor:default;opacity:.7}
button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);font-weight:600;box-shadow:inset 0 0 0 1px var(--accent)}
.check{margin-bottom:.5rem;border-left:4px solid var(--line)}.check.pass{border-left-color:var(--pass)}.check.warn{border-left-color:var(--warn)}.check.fail{border-left-color:var(--fail)}
.check[hidden]{display:none}
summary{cursor:pointer;display:grid;grid-template-columns:3.2rem minmax(0,1fr) auto 1rem;gap:.1rem .75rem;align-items:center;padding:.6rem 1rem;min-height:2.75rem;list-style:none}
summary .badge{justify-self:start}.what,.found{overflow-wrap:anywhere;unicode-bidi:isolate}.what{display:block;font-weight:550}.found{color:var(--soft);font-size:.9rem;font-variant-numeric:tabular-nums}
.rate{text-align:right;font-variant-numeric:tabular-nums;font-size:.9rem;color:var(--soft);min-width:6rem}.rate .share{margin-top:.2rem;height:.35rem}
.inside{padding:0 1rem .9rem}.facts{margin:0 0 .6rem;font-size:.88rem}.none{padding:1rem 1.25rem;color:var(--soft)}
.tested{background:var(--warn-soft)}thead .tested{color:var(--warn)}
td.text,td:last-child{white-space:pre-wrap;overflow-wrap:anywhere;min-width:7rem;max-width:28rem}
.more{margin:.5rem 0 0}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));gap:.75rem}
figure{margin:0;padding:.85rem 1rem;display:flex;flex-direction:column}
figcaption{display:flex;justify-content:space-between;align-items:baseline;gap:.75rem;margin-bottom:.5rem}figcaption span{overflow-wrap:anywhere;min-width:0;color:var(--soft);font-size:.9rem}figcaption b{font-size:1.15rem;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block;margin-top:auto}
.axis{display:flex;justify-content:space-between;font-size:.78rem;margin-top:.2rem}small{font-size:.82rem}
polyline{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}polygon{fill:var(--accent);opacity:.12}line{stroke:var(--line)}circle{fill:var(--accent)}
@media(max-width:40rem){summary{grid-template-columns:auto minmax(0,1fr) 1rem;padding:.6rem .85rem}.rate{grid-area:1/2;display:flex;gap:.6rem;align-items:center;justify-content:end;min-width:0}.rate .share{flex:0 1 6rem;margin:0}.said{grid-area:2/1/3/4}h1{font-size:1.4rem}.numbers{grid-template-columns:1fr 1fr}.numbers div:first-child{grid-column:1/-1}.numbers dd{font-size:1.25rem}.inside{padding-inline:.75rem}}
@media print{.filter{display:none}.check,figure,.numbers div{break-inside:avoid}}
`;

/** Filters the checks by outcome, and expands all failing ones for printing. */
export const filterScript = `
const checks = document.querySelectorAll("[data-state]"), buttons = document.querySelectorAll("[data-show]");
for (const button of buttons) button.addEventListener("click", () => {
  for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  for (const check of checks) check.hidden = button.dataset.show !== "all" && check.dataset.state !== button.dataset.show;
});
addEventListener("beforeprint", () => { for (const check of checks) if (check.dataset.state === "fail") check.open = true; });
`;
