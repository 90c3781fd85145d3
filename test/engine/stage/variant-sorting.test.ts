import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { fenceOf } from "../../support/fence-of.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let session: OpenSession;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "varve-variant-sorting-"));
  session = await openSession({ threads: 1, temporaryFolder: folder });
});
afterEach(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

const refused = { code: "SQL_REFUSED", message: expect.stringContaining("on a query with VARIANT values") };
const sorters = [
  "list_sort",
  "array_sort",
  "list_reverse_sort",
  "array_reverse_sort",
  "list_grade_up",
  "array_grade_up",
  "grade_up",
];

describe("sorting what may be a VARIANT, at which the engine reads memory that is not its own", () => {
  it.each(sorters)("is refused over a column, and over what the text makes: %s", async (name) => {
    await session.execute(sql`CREATE VIEW t AS SELECT [1, 2]::VARIANT AS v, [2, 1] AS l`);
    await fenceOf(session)();
    await expect((await fenceOf(session)()).callerQuery(`SELECT ${name}(v) FROM t`)).rejects.toMatchObject(
      refused,
    );
    await expect(
      (await fenceOf(session)()).callerExpression(`len(${name}(v)) > 0`, [{ name: "v", type: "VARIANT" }]),
    ).rejects.toMatchObject(refused);
    await expect(
      (await fenceOf(session)()).callerExpression(`len(${name}(s.v)) > 0`, [
        { name: "s", type: "STRUCT(v VARIANT)" },
      ]),
    ).rejects.toMatchObject(refused);
    for (const made of ["l::VARIANT", 'CAST(l AS "variant")', "from_json('[1]', 'VAR' || 'IANT')"]) {
      await expect(
        (await fenceOf(session)()).callerExpression(`len(${name}(${made})) > 0`, [
          { name: "l", type: "INTEGER[]" },
        ]),
      ).rejects.toMatchObject({
        code: "SQL_REFUSED",
      });
    }
  });

  it("is refused in SQL over a Parquet file that holds one", async () => {
    const file = join(folder, "v.parquet");
    await session.execute(
      unchecked(`COPY (SELECT [1, 2]::VARIANT AS v, [2, 1] AS l) TO '${file}' (FORMAT parquet)`),
    );
    const staged = session.stage({
      kind: "sql",
      callerSql: `SELECT list_sort(v) AS s FROM '${file}'`,
      files: [file],
    });
    await expect(staged).rejects.toMatchObject(refused);
  });

  it("goes on where no value is one", async () => {
    await session.execute(unchecked("CREATE VIEW t AS SELECT [2, 1] AS l"));
    await fenceOf(session)();
    const { sql } = await (await fenceOf(session)()).callerQuery("SELECT list_sort(l) AS s FROM t");
    expect(await session.rows(sql)).toEqual([{ s: [1, 2] }]);
  });
});
