import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../src", import.meta.url));

/** Calls that may spread a list, and what bounds its length. */
const bounded: Readonly<Record<string, string>> = {
  "quality/measures/measures.ts: ...values.map((value) => squarable(value, limit))":
    "the one or two columns of a measure",
  'report/check-html-rows.ts: ...(numeric(name) ? ["number"] : [])': "one word or none",
  "table/data-files/file-statistics.ts: ...points": "the first characters of a text, 32",
};

/** Spread arguments of calls as `file: text`, but those of a literal list. */
function spreads(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const item of node) visit(item);
    if (typeof node !== "object" || node === null || Array.isArray(node)) return;
    const call = node as { readonly type?: string; readonly arguments?: readonly Argument[] };
    if (call.type === "CallExpression" || call.type === "NewExpression")
      for (const { type, start, end } of call.arguments ?? [])
        if (type === "SpreadElement") found.push(`${file}: ${text.slice(start, end).replace(/\s+/g, " ")}`);
    for (const member of Object.values(node)) visit(member);
  };
  visit(parseAst(text, { lang: "ts" }));
  return found;
}

interface Argument {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

describe("lists of any length", () => {
  it("are not spread into the arguments of a call: some 100,000 do not fit on the stack", () => {
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts"),
    );
    expect(new Set(files.flatMap(spreads))).toEqual(new Set(Object.keys(bounded)));
  });
});
