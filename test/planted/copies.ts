import type { Mistake } from "./mistake.ts";

const converting = "operations/convert.test.ts";
const cloning = "operations/clone.test.ts";

/** Mistakes in clones and conversions. */
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
  {
    what: "A conversion takes the upper bound of a column with NaN for that of its numbers.",
    file: "scanned-statistics.ts",
    find: "sql`CAST(max(${value}) AS VARCHAR)`",
    replace: "sql`CAST(max(CASE WHEN CAST(${value} AS VARCHAR) <> 'nan' THEN ${value} END) AS VARCHAR)`",
    test: converting,
    name: "makes a table of them where they are",
  },
  {
    what: "A conversion takes partition columns in any order.",
    file: "parquet-files.ts",
    find: 'found.every((name, index) => foldName(name) === foldName(columns[index]?.name ?? ""))',
    replace: "found.every((name) => columns.some((column) => foldName(name) === foldName(column.name)))",
    test: converting,
    name: "refuses folders that are not those of the partition columns",
  },
  {
    what: "A conversion takes times without a zone for moments.",
    file: "merged-schema.ts",
    find: 'if (type === "timestamp" && isLocalTime === true) return "timestamp_ntz";',
    replace: "void isLocalTime;",
    test: converting,
    name: "reads files of other programs",
  },
  {
    what: "A conversion reads a column of the files in the place of a partition column.",
    file: "operations/convert.ts",
    find: "found.fields.filter(({ name }) => !partitions.has(foldName(name)))",
    replace: "found.fields.filter(() => partitions.size >= 0)",
    test: converting,
    name: "takes partition values from folders",
  },
  {
    what: "A vacuum takes a clone that is not found for one that needs nothing.",
    file: "vacuum/clone-files.ts",
    find: "return modified < createdTime + patience;",
    replace: "return modified < createdTime - createdTime * patience;",
    test: "vacuum/vacuum-clones.test.ts",
    name: "keeps what a clone may need that is not found in its place",
  },
];
