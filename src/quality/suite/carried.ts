import { stringifyJson, toJsonValue } from "../../util/json.ts";
import type { CheckJson, Suite } from "../model/suite.ts";
import { freeId } from "./check-ids.ts";
import { defineSuite, parseSuite } from "./define.ts";

/** Table property that holds a table's own suite as JSON (spec/quality-formats.md). */
export const suiteProperty = "varve.suite";

/**
 * The suite that a table carries, from its properties; `undefined` if there is none. @throws `SUITE_INVALID`
 * if it is malformed
 */
export function carriedSuite(properties: Readonly<Record<string, string>>): Suite | undefined {
  const text = properties[suiteProperty];
  return text === undefined ? undefined : parseSuite(text);
}

/** A suite as the value of a table's property. */
export function suiteText(suite: Suite): string {
  return stringifyJson(toJsonValue(suite.json));
}

/**
 * Combines the suite of a table and that of a writer.
 *
 * Paths in messages are those of the writer's suite; those of the table's suite begin with its property. The
 * smaller `maxBadShare` applies, of those that are given, and non-conforming rows are set aside only if the table's own suite does so
 * or does not specify it.
 */
export function joinSuites(table: Suite | undefined, own: Suite | undefined): Suite | undefined {
  if (table === undefined || own === undefined) return table ?? own;
  if (table.fingerprint === own.fingerprint) return own;
  const taken = new Set([...table.checks, ...own.checks].map((check) => check.id));
  const more = own.json.checks.map((json, index): CheckJson => {
    const id = own.checks[index]?.id ?? "";
    return {
      ...json,
      id: table.checks.some((check) => check.id === id) ? freeId(`${own.name}:${id}`, taken) : id,
    };
  });
  const joined = defineSuite(
    {
      name: `${table.name}+${own.name}`,
      maxBadShare: smaller(table.json.maxBadShare, own.json.maxBadShare),
      tagColumn: table.json.tagColumn ?? own.tagColumn,
      onMisfit: table.json.onMisfit ?? own.onMisfit,
      checks: [
        ...table.json.checks.map((json, index) => ({ ...json, id: table.checks[index]?.id ?? "" })),
        ...more,
      ],
    },
    { ...table.functions, ...own.functions },
  );
  const carried = table.checks.length;
  const pathOf = (index: number) =>
    index < carried ? `${suiteProperty}.checks[${index}]` : `checks[${index - carried}]`;
  return Object.freeze({
    ...joined,
    checks: joined.checks.map((check, index) => Object.freeze({ ...check, path: pathOf(index) })),
  });
}

function smaller(table: number | undefined, own: number | undefined): number | undefined {
  return table === undefined || own === undefined ? (table ?? own) : Math.min(table, own);
}
