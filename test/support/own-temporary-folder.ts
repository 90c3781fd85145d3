import { afterEach, beforeEach } from "vitest";
import { freshFolder } from "../operations/table-folder.ts";

/**
 * Gives each test of a file a temporary folder of its own, as `TMPDIR`; returns what names that of the running
 * test.
 */
export function ownTemporaryFolder(): () => string {
  let folder = "";
  let before: string | undefined;
  beforeEach(() => {
    before = process.env["TMPDIR"];
    folder = freshFolder();
    process.env["TMPDIR"] = folder;
  });
  afterEach(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  return () => folder;
}

/** A gate that sets rows with a negative `id` aside. */
export const positiveIds = {
  maxBadShare: 0.9,
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "id", min_value: 0 },
      onFail: "quarantine",
    },
  ],
} as const;

/** Rows of these ids, each with a name. */
export const namedRows = (...ids: readonly number[]) => ids.map((id) => ({ id, name: `row ${id}` }));
