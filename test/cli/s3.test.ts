import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { varve } from "../support/cli.ts";
import { startS3Server } from "../support/s3-server.ts";

it("a table on S3 is made and asked about with nothing but results on either stream", async () => {
  const folder = mkdtempSync(join(tmpdir(), "varve-test-cli-s3-"));
  const server = await startS3Server();
  const { endpoint, credentials } = server.options;
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  });
  // No region is named: with an endpoint of one's own it is us-east-1.
  delete process.env["AWS_REGION"];
  try {
    const file = join(folder, "orders.csv");
    writeFileSync(file, "id\n1\n2\n");
    const created = await varve("create", "s3://bucket/orders", "--from", file, "--s3-endpoint", endpoint);
    expect(created).toMatchObject({ code: 0, stderr: "" });
    const shown = await varve("show", "s3://bucket/orders", "--format", "jsonl", "--s3-endpoint", endpoint);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout.trim().split("\n").sort()).toEqual(['{"id":1}', '{"id":2}']);
  } finally {
    process.env = before;
    await server.close();
    rmSync(folder, { recursive: true });
  }
});
