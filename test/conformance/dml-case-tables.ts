import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { parseStatements } from "../../src/dialects/statements/parse-statements.ts";
import { serializeSchema } from "../../src/schema/schema-json.ts";
import { dataFiles } from "../operations/table-folder.ts";

/** Tables of a case that its own statements make, beside those of its set-up. */
export class CaseTables {
  readonly #tables: Record<string, Table>;
  /** Folders of Parquet files that are no Delta tables, by the names that the case gives them. */
  readonly #folders = new Map<string, { readonly folder: string; readonly written: Table }>();

  constructor(tables: Record<string, Table>) {
    this.#tables = tables;
  }

  /** Does what a statement asks that only prepares a case, and is none of Delta's; false for any other. */
  async prepare(sql: string): Promise<boolean> {
    const created =
      /^CREATE TABLE (\w+) \((.*?)\) USING (delta|parquet)(?: PARTITIONED BY \((.*?)\))? LOCATION '(.*)'$/i.exec(
        sql,
      );
    if (created !== null) {
      const [, name = "", columns = "", format = "", partitions, location = ""] = created;
      await this.#create({ name, columns, isDelta: /delta/i.test(format), partitions, location });
      return true;
    }
    const [, name = ""] = /^INSERT INTO (\w+) /i.exec(sql) ?? [];
    const target = this.#folders.get(name);
    if (target === undefined) return false;
    await runSql(sql, { tables: { ...this.#tables, [name]: target.written } });
    await target.written.refresh();
    const from = new URL(target.written.uri).pathname;
    for (const file of dataFiles(from)) {
      cpSync(join(from, file), join(target.folder, file));
      rmSync(join(from, file));
    }
    return true;
  }

  /** Takes note of a table that a statement made. */
  async made(sql: string): Promise<void> {
    const [, name, location] =
      /^CREATE (?:OR REPLACE )?TABLE (\w+) (?:SHALLOW|DEEP) CLONE .* LOCATION '(.*)'$/i.exec(sql) ?? [];
    if (name !== undefined && location !== undefined) this.#tables[name] = await openTable(location);
  }

  async #create(table: {
    readonly name: string;
    readonly columns: string;
    readonly isDelta: boolean;
    readonly partitions: string | undefined;
    readonly location: string;
  }): Promise<void> {
    const { name, columns, isDelta, partitions = "", location } = table;
    const [statement] = parseStatements(`CONVERT TO DELTA parquet.\`x\` PARTITIONED BY (${columns})`);
    if (statement?.body.kind !== "CONVERT TO DELTA")
      throw new TypeError(`Cannot read the columns ${columns}`);
    const fields = statement.body.partitionedBy.map((field) => ({ ...field, nullable: true, metadata: {} }));
    const made = await createTable(isDelta ? location : `${location}.written`, {
      schema: serializeSchema({ type: "struct", fields }),
      partitionBy: partitions.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()])),
    });
    if (isDelta) this.#tables[name] = made;
    else {
      mkdirSync(location, { recursive: true });
      this.#folders.set(name, { folder: location, written: made });
    }
  }
}
