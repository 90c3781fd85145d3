import { describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { cephSkipReason, cephTools, startCeph } from "../support/ceph.ts";
import { startS3Server } from "../support/s3-server.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, rowsOf } from "./varve.ts";
import { column, struct } from "./written-cases.ts";

interface Place {
  readonly s3: S3Options;
  readonly stop: () => Promise<void>;
}

const plain = struct(column("id", "long"), column("v", "string"), column("day", "date"));
const peers = sharedPeers();

async function onServer(): Promise<Place> {
  const server = await startS3Server();
  return { s3: server.options, stop: () => server.close() };
}

async function onCeph(): Promise<Place> {
  const ceph = await startCeph(cephTools() ?? "");
  return { s3: ceph.options, stop: () => ceph.stop() };
}

/** The same store in deltalake's words; it, too, commits by a conditional put. */
function storageOf({ endpoint = "", region = "", credentials }: S3Options): Readonly<Record<string, string>> {
  const keys = typeof credentials === "object" ? credentials : { accessKeyId: "", secretAccessKey: "" };
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ALLOW_HTTP: "true",
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    aws_conditional_put: "etag",
  };
}

const stores: readonly (readonly [name: string, start: () => Promise<Place>, skipped: string | undefined])[] =
  [
    ["the S3 server of the test folder", onServer, undefined],
    ["Ceph", onCeph, cephTools() === undefined ? cephSkipReason : undefined],
  ];

describe("a table on S3 that varve and deltalake write", () => {
  for (const [name, start, skipped] of stores) {
    test.skipIf(skipped !== undefined)(
      `on ${name}: in turns, each reads every version${skipped === undefined ? "" : ` (${skipped})`}`,
      async () => {
        const { s3, stop } = await start();
        try {
          const path = `s3://bucket/peers-${process.pid}/in turns`;
          const storage = storageOf(s3);
          const properties = { "delta.checkpointInterval": "3" };
          await using table = await createTable(path, {
            schema: plain,
            partitionBy: ["day"],
            properties,
            s3,
          });
          await table.append({
            sql: "SELECT i AS id, 'v' || i AS v, DATE '2024-01-01' + (i % 3)::INT AS day FROM range(30) AS r(i)",
          });
          const columns = [
            ["id", "int64"],
            ["v", "string"],
            ["day", "date32"],
          ];
          for (let turn = 0; turn < 3; turn++) {
            await peers.call("deltalake", "append", {
              path,
              rows: [{ id: 100 + turn, v: "deltalake", day: null }],
              columns,
              storage,
            });
            await table.append([{ id: 200 + turn, v: "varve", day: "2024-01-02" }]);
          }
          await peers.call("deltalake", "delete", { path, predicate: "id = 5", storage });
          await table.overwrite([{ id: 7, v: "overwritten", day: "2024-01-01" }], {
            replaceWhere: "day = DATE '2024-01-01'",
          });
          const { version } = await table.refresh();
          expect(version).toBe(9);
          for (let at = 1; at <= version; at++) await expectAgreement(table, at, storage);
        } finally {
          await stop();
        }
      },
    );

    test.skipIf(skipped !== undefined)(
      `on ${name}: at the same time, every batch is there once${skipped === undefined ? "" : ` (${skipped})`}`,
      async () => {
        const { s3, stop } = await start();
        try {
          const path = `s3://bucket/peers-${process.pid}/together`;
          const schema = struct(column("writer", "string"), column("batch", "integer"), column("n", "long"));
          await using first = await createTable(path, { schema, s3 });
          const [batches, rows] = [12, 4];
          const theirs = peers.call("deltalake", "append_many", {
            path,
            writer: "deltalake",
            batches,
            rows,
            storage: storageOf(s3),
          });
          const ours = ["varve 1", "varve 2"].map((writer) => appendAll(path, s3, { writer, batches, rows }));
          await Promise.all([theirs, ...ours]);
          const { version } = await first.refresh();
          expect(version).toBe(3 * batches);
          const seen = new Map<string, number>();
          for await (const { writer, batch, n } of first.snapshot().rows()) {
            const key = `${writer} ${batch} ${n}`;
            seen.set(key, (seen.get(key) ?? 0) + 1);
          }
          expect(seen.size).toBe(3 * batches * rows);
          expect([...seen.values()].every((times) => times === 1)).toBe(true);
          await expectAgreement(first, version, storageOf(s3));
        } finally {
          await stop();
        }
      },
    );
  }
});

async function appendAll(
  path: string,
  s3: S3Options,
  job: { writer: string; batches: number; rows: number },
): Promise<void> {
  await using table = await openTable(path, { s3 });
  for (let batch = 0; batch < job.batches; batch++) {
    await table.append(Array.from({ length: job.rows }, (_, n) => ({ writer: job.writer, batch, n })));
  }
}

async function expectAgreement(
  table: Table,
  version: number,
  storage: Readonly<Record<string, string>>,
): Promise<void> {
  const snapshot = await table.at(version);
  const theirs = await peers.rows("deltalake", "read", { path: table.uri, version, storage });
  const ours = await rowsOf(snapshot, {});
  expect(canonicalRows(theirs.rows, snapshot.schema), `version ${version}`).toEqual(
    canonicalRows(ours.rows, ours.schema),
  );
}
