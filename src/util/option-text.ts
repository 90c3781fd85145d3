/** Options of the library that the command line has under another name. */
const flags = {
  addColumns: "--add-column",
  addConstraints: "--add-constraint",
  alterColumns: "--set-type or --move",
  "changes: true": "--changes",
  batchId: "--batch-id",
  better: "--better",
  by: "--by",
  clusterBy: "--cluster-by",
  dropColumns: "--drop-column",
  dropConstraints: "--drop-constraint",
  dropFeatures: "--drop-feature",
  dynamicPartitions: "--dynamic-partitions",
  forgetClones: "--forget-clone",
  full: "--full",
  gate: "--suite",
  "header to false": "--no-header",
  'keep: "files"': "--keep files",
  ifNotExists: "--if-not-exists",
  ignoreDeletes: "--ignore-deletes",
  ignoreMissingFiles: "--ignore-missing-files",
  inputs: "--input",
  maxChange: "--max-change",
  memoryLimit: "--memory-limit",
  mergeSchema: "--merge-schema",
  method: "--method",
  methods: "--method",
  minFileBytes: "--min-file-size",
  multivariate: "--multivariate",
  overwriteSchema: "--overwrite-schema",
  partitionBy: "--partition-by",
  purge: "--purge",
  recorded: "--with-then",
  registerConstraints: "--constraints",
  renameColumns: "--rename",
  replace: "--replace",
  replaceWhere: "--where",
  "retentionCheck: false": "--no-retention-check",
  run: "--run",
  skipChangeCommits: "--skip-change-commits",
  slices: "--slice",
  tables: "--table",
  targetFileBytes: "--target-file-size",
  today: "--with",
  todaysCode: "--with-todays-code",
  todaysModel: "--with-todays-model",
  truncateHistory: "--truncate-history",
  txn: "--txn",
  untested: "--untested",
  upgradeProtocol: "--upgrade-protocol",
  where: "--where",
  zorderBy: "--zorder",
} as const;

/**
 * An option as messages name it, with that of the command line behind: `mergeSchema (--merge-schema)`.
 * {@link inTerminalWords} leaves that alone.
 */
export function optionText(name: keyof typeof flags, value = ""): string {
  return `${name} (${flags[name]}${value})`;
}

const names = Object.keys(flags).join("|");
const bothNames = new RegExp(`\\b(?:${names}|createTable) \\(((?:--|varve )[a-z-]+(?: [^()]*)?)\\)`, "g");

/** A message that names options as the command line does. */
export function inTerminalWords(message: string): string {
  return message.replaceAll(bothNames, "$1");
}
