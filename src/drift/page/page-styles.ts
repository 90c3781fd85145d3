/**
 * Styles of the page of a comparison. Drift is orange and a break purple, which people who see few colours tell apart from
 * the blue and grey of the sides; each has a mark besides. Red is for alerts that fire.
 */
export const driftStyles = `
:root{--drift:#9a4700;--drift-soft:#fdeedd;--broken:#76308c;--broken-soft:#f5e8f9;--before:#8b95a1;--now:#2a64a8;--bar:#e8ebf0}
@media(prefers-color-scheme:dark){:root{--drift:#f3a95c;--drift-soft:#3a2710;--broken:#d9a4ea;--broken-soft:#331f3b;--before:#7d8894;--now:#78b6f5;--bar:#2a3037}}
header{border-top-color:var(--now)}header.drift{border-top-color:var(--drift)}header.broken{border-top-color:var(--broken)}header.alert{border-top-color:var(--fail)}
.badge{color:var(--soft);background:var(--bar);white-space:nowrap}.badge.drift{color:var(--drift);background:var(--drift-soft)}.badge.broken{color:var(--broken);background:var(--broken-soft)}.badge.alert{color:var(--fail);background:var(--fail-soft)}
.card,.column{background:var(--card);border:1px solid var(--line);border-radius:.6rem;box-shadow:var(--shade)}
.card{padding:.9rem 1.25rem;overflow-wrap:anywhere}.card p{margin:0 0 .4rem}.card p:last-child{margin:0}
.verdict{margin-top:1.25rem;border-left:4px solid var(--now)}.verdict.drift{border-left-color:var(--drift)}.verdict.broken{border-left-color:var(--broken)}.verdict b{display:block;font-size:1.1rem}
.alerts{margin-top:.75rem;border-color:var(--fail);background:var(--fail-soft)}.alerts h2{margin:0 0 .25rem;color:var(--fail)}.alerts ul{margin:0;padding:0;list-style:none}
a{color:var(--accent)}
.key{color:var(--soft);font-size:.88rem;margin:0 0 .6rem}
.column{margin-bottom:.5rem;border-left:4px solid var(--line)}.column.drift{border-left-color:var(--drift)}.column.broken{border-left-color:var(--broken)}
summary{cursor:pointer;list-style:none;min-height:2.75rem}
.column>summary{display:grid;grid-template-columns:6.6rem minmax(0,1fr) 9rem 7rem 1rem;gap:.1rem .9rem;align-items:center;padding:.55rem 1rem}
.column>summary .badge{justify-self:start}.said{overflow-wrap:anywhere;unicode-bidi:isolate}.role{color:var(--soft);font-size:.85rem}
.effect{display:block;font-size:.85rem;color:var(--soft);font-variant-numeric:tabular-nums}.effect b{color:var(--ink)}
.bar{display:block;position:relative;height:.6rem;border-radius:.2rem;background:var(--bar);margin-bottom:.15rem}
.bar i{position:absolute;inset:0 auto 0 0;border-radius:.2rem;background:var(--before)}.drift .bar i{background:var(--drift)}.broken .bar i{background:var(--broken)}
.bar u{position:absolute;inset:auto auto -.15rem 0;height:.15rem;background:repeating-linear-gradient(90deg,var(--soft) 0 2px,transparent 2px 4px)}
.bar s{position:absolute;top:-.15rem;bottom:-.15rem;width:2px;margin-left:-1px;background:var(--ink)}
.spark{display:block;width:100%;max-width:7rem;height:1.7rem}.spark path,.spark line{vector-effect:non-scaling-stroke}.since{display:block;font-size:.82rem;color:var(--soft);overflow-wrap:anywhere}
.still{fill:var(--before)}.moves{fill:var(--drift)}.breaks{fill:var(--broken)}.none{fill:none;stroke:var(--before)}
.more>summary{display:flex;gap:.75rem;align-items:center;justify-content:space-between;padding:.35rem 1rem;color:var(--soft);border:1px dashed var(--line);border-radius:.6rem;margin-bottom:.5rem}
.inside{padding:.25rem 1rem 1rem}.inside h3{font-size:.95rem;margin:.9rem 0 .4rem}.sides{display:grid;grid-template-columns:minmax(0,1.2fr) minmax(0,1fr);gap:0 1.5rem}.sides th,.sides td{padding:.25rem .5rem;font-size:.85rem}td small{display:block}
.scroll{margin-bottom:.25rem}td,thead th:not(:first-child){text-align:right}td.left{text-align:left}td.pair{width:34%;min-width:5rem}tbody th{max-width:16rem;min-width:5.5rem;white-space:normal;unicode-bidi:isolate}.bins tbody th,.parts tbody th,.apart tbody th,.pairs tbody th{overflow-wrap:anywhere}.bins tbody th.range{overflow-wrap:normal;min-width:min-content}.parts tbody th,.pairs tbody th{width:40%}.pairs tbody th span,.pairs tbody th small{display:block}.parts thead th:nth-child(2){text-align:left}
.pair i,.pair u{display:block;height:.4rem;border-radius:.1rem;min-width:1px}.pair u,.before{background:repeating-linear-gradient(45deg,var(--before) 0 3px,transparent 3px 5px)}.pair u{outline:1px solid var(--before);outline-offset:-1px;margin-bottom:1px}.pair i,.now{background:var(--now)}
.before,.now{display:inline-block;width:.9rem;height:.6rem;border-radius:.1rem;vertical-align:baseline}.before{outline:1px solid var(--before);outline-offset:-1px}
.figures{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem .9rem;margin:0;font-size:.88rem;font-variant-numeric:tabular-nums}.figures dt{color:var(--soft)}.figures dd{margin:0;overflow-wrap:anywhere}
.past{width:100%;height:auto;display:block;max-width:36rem}.past .band{fill:var(--bar)}.past polyline{fill:none;stroke:var(--now);stroke-width:2}.past .limit{stroke:var(--ink);stroke-dasharray:4 3}.past .axis{stroke:var(--line)}.past text{fill:var(--soft);font-size:12px}.past .fires{fill:var(--fail)}.past .release{fill:var(--card);stroke:var(--ink);stroke-dasharray:none}.past .still{stroke:var(--card)}.metric{margin-bottom:.5rem}.metric h3{margin:0 0 .4rem;font-size:1rem}.model .realised{fill:none;stroke:var(--now);stroke-width:2}.model .estimated{fill:none;stroke:var(--drift);stroke-width:2;stroke-dasharray:6 4}.model .known{fill:var(--now)}.model .interval{stroke:var(--now)}.model .none{stroke:var(--drift);fill:var(--card)}.model .limit{stroke-dasharray:1 4}.model .band{fill:var(--drift-soft)}
code{font:.85rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere;background:var(--bar);border-radius:.3rem;padding:.05rem .3rem}
@media(min-width:48.01rem){.numbers tbody th,.bins tbody th.range{white-space:nowrap}}
@media(max-width:48rem){.column>summary{grid-template-columns:minmax(0,1fr) minmax(0,1fr) 1rem;padding:.6rem .85rem}.column>summary .badge{grid-area:1/1}.said{grid-area:2/1/3/4}.rank{grid-area:3/1}.time{grid-area:3/2/4/4}.column>summary::after{grid-area:1/3}.sides{grid-template-columns:minmax(0,1fr)}.inside{padding-inline:.75rem}h1{font-size:1.35rem}.sides th,.sides td{padding:.25rem .35rem;font-size:.82rem}.bins th:nth-child(6),.bins td:nth-child(6){display:none}td.pair{min-width:2.5rem;width:20%}.bins tbody th{min-width:4rem}.bins th,.bins td{padding-inline:.25rem!important}.rank:last-child{grid-area:3/1/4/4}.figures{grid-template-columns:minmax(0,8rem) minmax(0,1fr)}}
@media print{:root{--drift:#9a4700;--drift-soft:#fff;--broken:#76308c;--broken-soft:#fff;--before:#777;--now:#2a64a8;--bar:#eee}.column,.card{break-inside:avoid}}
`;
