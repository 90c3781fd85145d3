import type { Mistake } from "./mistake.ts";

/** Mistakes in what a caller's SQL may read, and in when its session ends. */
export const fencesMistakes: readonly Mistake[] = [
  {
    what: "A common table is read by its own definition.",
    file: "table-references.ts",
    find: 'open.push({ value: definition["value"], common: inner });',
    replace: 'open.push({ value: definition["value"], common: including(inner, definition["key"]) });',
    test: "common-tables.test.ts",
    name: "in its own definition",
  },
  {
    what: "A recursive common table is read by its own start.",
    file: "table-references.ts",
    find: "for (const each of Object.values(rest)) open.push({ value: each, common: inner });",
    replace:
      'for (const each of Object.values(rest)) open.push({ value: each, common: including(inner, value["cte_name"]) });',
    test: "common-tables.test.ts",
    name: "in the start of a recursive one",
  },
  {
    what: "A table of another database passes for one of the session's common name.",
    file: "table-references.ts",
    find: 'part["catalog_name"] === undefined &&',
    replace: "",
    test: "common-tables.test.ts",
    name: "is refused, for it may be another table",
  },
  {
    what: "Subqueries of a condition read whatever they name.",
    file: "caller-sql.ts",
    find: "  await checkScope(core, whole, selected(callerSql), {",
    replace: "  await checkScope(core, own, selected(callerSql), {",
    test: "rows-by-subquery.test.ts",
    name: "pass the fence where they are evaluated",
  },
  {
    what: "A session is taken for quiet while one of two calls runs.",
    file: "turns.ts",
    find: "      if (this.#running === 0) for (const resolve",
    replace: "      for (const resolve",
    test: "turns.test.ts",
    name: "tells when no call runs",
  },
  {
    what: "The signal of work that reads leaves its queries to their end.",
    file: "engine/core/core.ts",
    find: "this.run(select, parameters, this.stopSignal)",
    replace: "this.run(select, parameters)",
    test: "engine/session.test.ts",
    name: "when its signal aborts",
  },
  {
    what: "The SQL of a source is run to its end after its signal aborts.",
    file: "shared/stage-files.ts",
    find: "AS ${select}`, [], signal)",
    replace: "AS ${select}`, [], signal && undefined)",
    test: "cancelled-reads.test.ts",
    name: "the SQL of a source, alone",
  },
];
