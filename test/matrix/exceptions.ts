/** Cells that differ, as `way source: column => what it is instead`, and why they may. */
export interface Exception {
  readonly cells: RegExp;
  readonly why: string;
}

/** Every difference is one of these, and each of these is needed. */
export const exceptions: readonly Exception[] = [
  {
    cells: /^refused(Below)? rows: .* => unspelled: JavaScript has no number/,
    why: "a literal is rounded before varve sees it",
  },
  { cells: /^refused(Below)? csv: .* => unspelled: UTF-8 has no unpaired/, why: "files of text are UTF-8" },
  {
    cells:
      /^refused(?:Below)? (arrow \w+|parquet|sql|table): .* => unspelled: no type of the source holds it/,
    why: "typed sources have no type for it",
  },
  {
    cells: /^refused(Below)? arrow \w+: .* => unspelled: Arrow has no endless/,
    why: "a date of Arrow is a number",
  },
  {
    cells: /^refused(Below)? table: .* => unspelled: tables have no/,
    why: "what cannot be in a table cannot come from one",
  },
  {
    cells: /^refused(?:Below)? (parquet|sql|table): .* => unspelled: the engine has no zoned/,
    why: "SQL has no such type",
  },
  { cells: /^refused .*: date a moment => type/, why: "a moment is no date, whatever its value" },
  {
    cells: /^refused sql: timestamp_ntz nanoseconds.* => type string/,
    why: "TIMESTAMP_NS leaves a query as text (spec/formats.md), and text is no moment",
  },
  {
    cells:
      /^refused(Below)? table: .* => row undefined, found |^nullsRefused table: .* => SCHEMA_MISMATCH, row undefined/,
    why: "the rows of a version have no order, and so no position (spec/formats.md); column and value are named",
  },
  {
    cells: /^created (rows|ndjson|csv): (float|double) .*minus zero => /,
    why: "without a type, a zero is a whole number, and a long has one zero",
  },
  {
    cells: /^(appended|resubmitted) rows: (float|double) map keys minus zero => /,
    why: "a Map of JavaScript has one key for both zeros",
  },
  {
    cells: /^(created|typedLater) ndjson: .* map( |:| keys).*=> /,
    why: "a map is written as pairs, which are an array where no type is given, of one type or refused",
  },
  {
    cells: /^(created|typedLater) ndjson: binary .* => /,
    why: "bytes are base64, which is text where no type is given",
  },
];
