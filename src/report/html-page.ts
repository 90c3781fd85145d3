import { escapeMarkup } from "./show.ts";

/** The parts of a page. `styles`, `body` and `script` are markup already. */
export interface HtmlPage {
  readonly title: string;
  readonly styles: string;
  readonly body: string;
  readonly script?: string | undefined;
}

/** A self-contained page, whose content security policy forbids it to load anything. */
export function htmlPage({ title, styles, body, script }: HtmlPage): string {
  const scripts = script === undefined ? "" : "; script-src 'unsafe-inline'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${scripts}">
<title>${escapeMarkup(title)}</title>
<style>${pageStyles}${styles}</style>
</head>
<body>
${body}
${script === undefined ? "" : `<script>${script}</script>\n`}</body>
</html>
`;
}

/** Styles of every page: dark mode as in the reader's system, black on white in print. */
const pageStyles = `
:root{color-scheme:light dark;--page:#f4f5f8;--card:#fff;--ink:#171b21;--soft:#56606c;--line:#dfe3e9;--pass:#137a46;--warn:#8a5a00;--fail:#b8311f;--accent:#2a64a8;--pass-soft:#e3f4ea;--warn-soft:#fcf0d6;--fail-soft:#fbe6e2;--shade:0 1px 2px rgb(20 30 45/.06),0 2px 8px rgb(20 30 45/.05)}
@media(prefers-color-scheme:dark){:root{--page:#111417;--card:#1a1e23;--ink:#e8ebee;--soft:#a0abb7;--line:#2f363d;--pass:#56cf95;--warn:#e6b450;--fail:#ff8a7a;--accent:#78b6f5;--pass-soft:#15301f;--warn-soft:#33280e;--fail-soft:#3a1b17;--shade:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header{background:var(--card);border-bottom:1px solid var(--line);border-top:5px solid var(--pass)}header.fail{border-top-color:var(--fail)}header.warn{border-top-color:var(--warn)}
header>div,main,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
header>div{padding-block:1.25rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem;display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center;overflow-wrap:anywhere;min-width:0}h1 span:first-child{min-width:0}
h2{font-size:1.15rem;margin:2rem 0 .75rem}
header p{margin:0}header p,footer,.facts,small,.axis{color:var(--soft);overflow-wrap:anywhere}footer{padding-block:2.5rem;font-size:.9rem}
.badge{flex:none;font-size:.78rem;line-height:1.4;font-weight:650;padding:.12rem .55rem;border-radius:1rem}
h1 .badge{font-size:.95rem;padding:.15rem .8rem}
.badge.pass{color:var(--pass);background:var(--pass-soft)}.badge.warn{color:var(--warn);background:var(--warn-soft)}.badge.fail{color:var(--fail);background:var(--fail-soft)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
summary::-webkit-details-marker{display:none}
summary::after{content:"";width:.5rem;height:.5rem;border:solid var(--soft);border-width:0 2px 2px 0;transform:rotate(45deg);justify-self:end;margin-top:-.25rem}
details[open]>summary::after{transform:rotate(225deg);margin-top:.25rem}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.4rem;background:var(--card)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}
thead th{color:var(--soft);font-weight:600}tbody tr:last-child>*{border-bottom:0}tbody th{font-weight:400;color:var(--soft)}th:first-child{width:1%;min-width:4rem}
td.number,th.number{text-align:right}td.nothing{color:var(--soft);font-style:italic}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--pass:#137a46;--warn:#8a5a00;--fail:#b8311f;--accent:#2a64a8;--pass-soft:#fff;--warn-soft:#fff;--fail-soft:#fff;--shade:none}
*{print-color-adjust:exact}summary::after{display:none}tr{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}th,td{white-space:normal;overflow-wrap:anywhere;min-width:0;padding:.2rem .35rem}table{font-size:.7rem}}
`;
