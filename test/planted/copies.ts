import type { Mistake } from "./mistake.ts";

const cloning = "operations/clone.test.ts";

/** Mistakes in clones. */
export const copiesMistakes: readonly Mistake[] = [
  {
    what: "A clone is not recorded with the table whose files it reads.",
    file: "operations/clone.ts",
    find: "await recordClone(store, record, { signal });",
    replace: "void [store, record, signal, recordClone];",
    test: cloning,
    name: "of an older version, of a clone, and of a time",
  },
  {
    what: "A record of any clone lets every table read the files.",
    file: "clone-records.ts",
    find: "(await store.head(recordPath(clone))) !== undefined",
    replace:
      "(await store.list(`_clones/${clone.slice(0, 0)}`)[Symbol.asyncIterator]().next()).done !== true",
    test: cloning,
    name: "may not read the files of the source",
  },
  {
    what: "A clone keeps the name of the column that holds its source's row ids.",
    file: "clone-definition.ts",
    find: 'propertyKey("rowTracking.materializedRowIdColumnName"),',
    replace: "",
    test: cloning,
    name: "gives its rows ids of their own",
  },
  {
    what: "A deep clone copies again what an interrupted one has copied.",
    file: "deep-files.ts",
    find: "if (earlier?.size === info.size) return target;",
    replace: "",
    test: cloning,
    name: "replaces a table as a new version of it, deep: true",
  },
  {
    what: "A shallow clone names deletion vectors by paths in its own folder.",
    file: "shallow-files.ts",
    find: 'storageType: "p", pathOrInlineDv: absoluteLogPath(root, place.path)',
    replace: "",
    test: cloning,
    name: "of an older version, of a clone, and of a time",
  },
];
