import type { Mistake } from "./mistake.ts";

/** Mistakes in the page of a comparison. */
export const driftPageMistakes: readonly Mistake[] = [
  {
    what: "The page of drift takes names of bins for markup.",
    file: "column-numbers.ts",
    find: "return escapeMarkup(visible(cutText(text)));",
    replace: "return visible(cutText(text));",
    test: "report/drift-html.test.ts",
    name: "for text only",
  },
  {
    what: "The page of drift grows with the columns.",
    file: "page/drift-html.ts",
    find: 'if (bytes > room - (detail === "line" ? 0 : left * lineBytes)) continue;',
    replace: "",
    test: "report/drift-html.test.ts",
    name: "stays below 300 KB for 100 columns",
  },
  {
    what: "The page of drift drops columns to show others in detail.",
    file: "page/drift-html.ts",
    find: 'if (bytes > room - (detail === "line" ? 0 : left * lineBytes)) continue;',
    replace: "if (bytes > room) continue;",
    test: "report/drift-html.test.ts",
    name: "stays below 300 KB for 100 columns",
  },
  {
    what: "The page of drift draws the current side with the baseline's width.",
    file: "column-numbers.ts",
    find: '<i style="width:${width(bin.current)}%">',
    replace: '<i style="width:${width(bin.baseline)}%">',
    test: "report/drift-html-browser.test.ts",
    name: "both distributions, their numbers",
  },
  {
    what: "A column is said to move since before its last quiet window.",
    file: "column-groups.ts",
    find: "return points.slice(quiet + 1).find(moves);",
    replace: "return points.find(moves);",
    test: "report/drift-html.test.ts",
    name: "since the window after the last quiet one",
  },
  {
    what: "The command that the page of drift names is no shell's word.",
    file: "method-section.ts",
    find: "`'${word.replaceAll(\"'\", \"'\\\\''\")}'`",
    replace: "`'${word}'`",
    test: "report/drift-html.test.ts",
    name: "as words of a shell",
  },
  {
    what: "The page of drift is too wide for a phone.",
    file: "page-styles.ts",
    find: ".sides{grid-template-columns:minmax(0,1fr)}",
    replace: ".sides{grid-template-columns:30rem}",
    test: "report/drift-html-browser.test.ts",
    name: "at 390 pixels in the light",
  },
  {
    what: "Soft text of the page of drift is too pale to read.",
    file: "page-styles.ts",
    find: "--drift:#9a4700;--drift-soft:#fdeedd;--broken:#76308c;--broken-soft:#f5e8f9;--before",
    replace: "--drift:#e0a060;--drift-soft:#fdeedd;--broken:#76308c;--broken-soft:#f5e8f9;--before",
    test: "report/drift-html-browser.test.ts",
    name: "enough contrast in the light",
  },
];
