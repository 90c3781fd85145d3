import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { argumentsAt } from "./support/source-text.ts";

const root = resolve(import.meta.dirname, "..");
const source = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(join(root, "src", path), "utf8") }));
const definition = source.find(({ path }) => path === "errors.ts")?.text ?? "";
const union = /export type ErrorCode =([^;]*);/.exec(definition)?.[1] ?? "";
const codes = [...union.matchAll(/\| "([A-Z_]+)"/g)].map(([, code = ""]) => code);

const sections = readFileSync(join(root, "spec/errors.md"), "utf8")
  .split(/^### /m)
  .slice(1)
  .map((text) => ({ code: /^`([A-Z_]+)`\n/.exec(text)?.[1] ?? "", text }));
const thrown = source.flatMap(({ path, text }) =>
  [...text.matchAll(/(?:new (?:VarveError|ConflictError)|super)\(/g)].map((match) => {
    const [code = "", , data = ""] = argumentsAt(text, match.index + match[0].length);
    const literal = data.startsWith("{") ? argumentsAt(data, 1) : [];
    const members = literal.flatMap((member) => /^"?(\w+)"?(?:$|[:,(])/.exec(member)?.[1] ?? []);
    return { path, codes: [...code.matchAll(/"([A-Z_]+)"/g)].map(([, name = ""]) => name), members };
  }),
);
/** What a {@link ConflictError} takes beside its data. */
const sentences: readonly string[] = ["winnerDid", "met", "advice", "data"];

describe("spec/errors.md", () => {
  it("lists every error code once, and nothing else", () => {
    expect(codes.length).toBeGreaterThan(40);
    expect(sections.map(({ code }) => code).sort()).toEqual([...codes].sort());
  });

  it.each(sections.map(({ code, text }) => [code, text] as const))(
    "says of %s what it means, its cause, its remedy and its data",
    (_, text) => {
      expect(text).toMatch(/^`\w+`\n\n[A-Z][^\n]*\.\n/);
      for (const label of ["Cause", "Remedy", "Data"])
        expect(text.match(new RegExp(`^- ${label}: \\S`, "gm"))).toHaveLength(1);
    },
  );

  it("lists no code that the source never throws", () => {
    const table = source.find(({ path }) => path === "util/system-refusals.ts")?.text ?? "";
    const tabled = [...table.matchAll(/^ {4}code: "([A-Z_]+)",$/gm)].map(([, code = ""]) => code);
    const used = new Set([...thrown.flatMap((error) => error.codes), ...tabled]);
    expect(codes.filter((code) => !used.has(code))).toEqual([]);
  });

  it("names every data member that the source gives by name", () => {
    const unnamed = thrown.flatMap(({ path, codes: named, members }) =>
      named.flatMap((code) => {
        const data = /^- Data: [\s\S]*/m.exec(
          sections.find((section) => section.code === code)?.text ?? "",
        )?.[0];
        const given = code.startsWith("CONFLICT_")
          ? members.filter((name) => !sentences.includes(name))
          : members;
        return given.flatMap((name) =>
          data?.includes(`\`${name}\``) === true ? [] : `${path}: ${code} ${name}`,
        );
      }),
    );
    expect(thrown.length).toBeGreaterThan(200);
    expect(unnamed).toEqual([]);
  });
});
