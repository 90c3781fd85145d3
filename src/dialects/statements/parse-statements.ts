import { parseAlter } from "./parse-alter.ts";
import {
  parseClone,
  parseConvert,
  parseDescribe,
  parseGenerate,
  parseOptimize,
  parseReorg,
  parseRestore,
  parseVacuum,
} from "./parse-maintenance.ts";
import { parseMerge } from "./parse-merge.ts";
import { parseDelete, parseInsert, parseUpdate } from "./parse-rows.ts";
import { StatementReader } from "./statement-reader.ts";
import type { SqlSlice, Statement, StatementBody } from "./syntax.ts";

const parsers: Readonly<Record<string, (reader: StatementReader) => StatementBody>> = {
  delete: parseDelete,
  update: parseUpdate,
  merge: (reader) => parseMerge(reader, undefined),
  insert: parseInsert,
  alter: parseAlter,
  optimize: parseOptimize,
  reorg: parseReorg,
  vacuum: parseVacuum,
  restore: parseRestore,
  create: parseClone,
  convert: parseConvert,
  describe: parseDescribe,
  desc: parseDescribe,
  generate: parseGenerate,
};

const firstWords = [...Object.keys(parsers).filter((word) => word !== "desc"), "select", "with"]
  .map((word) => word.toUpperCase())
  .join(", ");

/**
 * Reads statements of Delta's SQL with semicolons between them. Expressions and queries are not read: they are
 * slices of the text.
 *
 * @throws `SQL_FAILED` with the position (`line`, `column`), what was found there and what was expected
 */
export function parseStatements(text: string): Statement[] {
  const reader = new StatementReader(text);
  const statements: Statement[] = [];
  for (;;) {
    while (reader.take(";"));
    if (reader.peek().kind === "end") return statements;
    const { start } = reader.peek();
    const body = parseStatement(reader);
    if (!reader.atEnd) throw reader.unexpected("the end of the statement");
    statements.push({ body, source: reader.sliceFrom(start) });
  }
}

function parseStatement(reader: StatementReader): StatementBody {
  const { kind, value } = reader.peek();
  const word = kind === "word" ? value.toLowerCase() : "";
  const parse = Object.hasOwn(parsers, word) ? parsers[word] : undefined;
  if (parse !== undefined) {
    reader.advance();
    return parse(reader);
  }
  if (!reader.atQuery) throw reader.unexpected(`one of ${firstWords}`);
  const { start } = reader.peek();
  if (reader.isNext("with")) {
    const common = commonTables(reader);
    if (reader.take("merge")) return parseMerge(reader, common);
  }
  if (!reader.atEnd) reader.rest("a query");
  return { kind: "SELECT", query: reader.sliceFrom(start) };
}

/** `WITH a AS (…), b (x, y) AS (…)`, as the slice from WITH on. */
function commonTables(reader: StatementReader): SqlSlice {
  const { start } = reader.peek();
  reader.expect("with");
  reader.take("recursive");
  reader.items(() => {
    reader.name("a common table's name");
    if (reader.isNext("(")) reader.list(() => reader.name("a column"));
    reader.expect("as");
    reader.queryInParentheses();
  });
  return reader.sliceFrom(start);
}
