import type { Mistake } from "./mistake.ts";

/** Mistakes with columns that have no values yet. */
export const untypedMistakes: readonly Mistake[] = [
  {
    what: "Data files hold columns without a type as text.",
    file: "batch-target.ts",
    find: "    schema: withoutUntyped(schema, metadata.partitionColumns),\n",
    replace: "    schema,\n",
    test: "operations/sources/untyped-columns.test.ts",
    name: "gets the type of the first batch with values: rows of longs",
  },
  {
    what: "A column gets a type over text that a writer adds meanwhile.",
    file: "commit-batch.ts",
    find: "judgedByTable: judgedByTable === true || setsTypes,",
    replace: "judgedByTable,",
    test: "operations/sources/untyped-columns.test.ts",
    name: "is not typed over rows that another writer added meanwhile",
  },
  {
    what: "A column gets a type although files hold it as text.",
    file: "give-types.ts",
    find: ": await columnsInFiles(session, snapshot, paths);",
    replace: ": [];",
    test: "operations/sources/untyped-columns.test.ts",
    name: "takes text that another writer put into its files for what it is",
  },
  {
    what: "A value that only a repair makes is left out of the files.",
    file: "write-files.ts",
    find: "await targetOfWritten(room.session, target, rows.sql);",
    replace: "target;",
    test: "operations/sources/untyped-columns.test.ts",
    name: "keeps a value that only a repair gives it",
  },
];
