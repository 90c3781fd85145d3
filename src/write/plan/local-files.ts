import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { OpenSession } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { sql } from "../../sql/sql.ts";
import { filePattern, quoteText } from "../../sql/sql-text.ts";

/**
 * Local file names for paths, `file:` URLs and patterns with `*`, `?` or `[…]`. A file with exactly that name
 * takes precedence; a pattern must match at least one file.
 */
export async function findFiles(session: OpenSession, paths: string | readonly string[]): Promise<string[]> {
  const matches: string[] = [];
  for (const path of typeof paths === "string" ? [paths] : paths) {
    const name = localName(path);
    if (!/[*?[]/.test(path) || existsSync(name)) {
      matches.push(name);
      continue;
    }
    const pattern = path.startsWith("file:") ? name : resolve(filePattern(process.cwd()), path);
    const rows = await session.rows(sql`SELECT file FROM glob(${quoteText(pattern)}) ORDER BY file`);
    if (rows.length === 0) throw new VarveError("SOURCE_UNREADABLE", `No file matches ${path}.`, { path });
    for (const row of rows) matches.push(String(row["file"]));
  }
  if (matches.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "The source has no files. Pass at least one.", {});
  return matches;
}

/** The absolute name of a path or `file:` URL. @throws `INVALID_ARGUMENT` */
export function localName(path: string): string {
  if (typeof path !== "string" || path === "")
    throw new VarveError("INVALID_ARGUMENT", `Invalid file name ${JSON.stringify(path)}: it must be text.`, {
      path,
    });
  return path.startsWith("file:") ? fileOfUrl(path) : resolve(path);
}

function fileOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `Invalid file URL ${url}: ${why}. Pass file:/// and an absolute path.`;
    throw new VarveError("INVALID_ARGUMENT", message, { path: url }, error);
  }
}
