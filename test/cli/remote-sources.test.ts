import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { type CliRun, startVarve, varve } from "../support/cli.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { selfSigned } from "../support/self-signed.ts";
import { startWebServer } from "../support/web-server.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-remote-"));
const temporary = join(folder, "tmp");
const suite = join(folder, "suite.json");
const before = { ...process.env };
const certificate = selfSigned();
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server();
  const { endpoint, credentials } = server.options;
  mkdirSync(temporary);
  writeFileSync(join(folder, "cert.pem"), certificate.cert);
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: endpoint,
    NODE_EXTRA_CA_CERTS: join(folder, "cert.pem"),
    TMPDIR: temporary,
  });
  const positive = { column: "id", min_value: 0 };
  const check = { kind: "expect_column_values_to_be_between", params: positive, onFail: "reject" };
  writeFileSync(suite, JSON.stringify({ checks: [check] }));
  const store = await s3Store("bucket", "", server.options);
  await store.put("in/a.csv", Buffer.from("id\n1\n"));
  await store.put("in/b.csv", Buffer.from("id\n2\n"));
});

afterAll(async () => {
  process.env = before;
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function done(...args: readonly string[]): Promise<CliRun> {
  const run = await varve(...args);
  expect(run.stderr).toBe("");
  return run;
}

describe("a source file on S3 on the command line", () => {
  it("is written, staged, tested, profiled and made suggestions for, alone and by a pattern", async () => {
    const table = join(folder, "s3-table");
    expect(await done("create", table, "--from", "s3://bucket/in/a.csv")).toMatchObject({ code: 0 });
    expect(await done("append", table, "s3://bucket/in/*.csv")).toMatchObject({
      stdout: expect.stringContaining("version 1: 2 rows"),
    });
    expect(await done("overwrite", table, "s3://bucket/in/b.csv", "s3://bucket/in/a.csv")).toMatchObject({
      stdout: expect.stringContaining("version 2: 2 rows"),
    });
    expect(await done("stage", table, "s3://bucket/in/a.csv")).toMatchObject({ code: 0 });
    expect(await done("check", suite, "s3://bucket/in/a.csv")).toMatchObject({ code: 0 });
    expect(await done("profile", "s3://bucket/in/a.csv", "--format", "json")).toMatchObject({ code: 0 });
    expect(JSON.parse((await done("suggest", "s3://bucket/in/a.csv")).stdout)).toMatchObject({ name: "a" });
    expect(readdirSync(temporary).filter((name) => !name.startsWith("varve-cache"))).toEqual([]);
  });

  it("whose table has no known extension is still a table", async () => {
    await done("create", "s3://bucket/orders", "--from", "s3://bucket/in/a.csv");
    expect(await done("check", suite, "s3://bucket/orders")).toMatchObject({ code: 0 });
  });
});

describe("a source file at an HTTPS address on the command line", () => {
  const table = join(folder, "web-table");

  it("is read, its format known without the query, and reported without it", async () => {
    await using web = await startWebServer({ "/a.csv": "id\n-1\n", "/b": '{"id":1}\n' }, certificate);
    expect(await done("create", table, "--from", `${web.origin}/a.csv?sig=topsecret.json`)).toMatchObject({
      code: 0,
    });
    await done("append", table, `${web.origin}/b?sig=topsecret.csv`, "--input-format", "ndjson");
    const run = await varve("check", suite, `${web.origin}/a.csv?sig=topsecret`, "--format", "json");
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({
      source: `${web.origin}/a.csv`,
      checks: [{ sample: [{ file: `${web.origin}/a.csv`, row: 0 }] }],
    });
    expect(run.stdout + run.stderr).not.toContain("topsecret");
  });

  it("is not read where a redirect leads to HTTP, not even on this machine", async () => {
    await using plain = await startWebServer({ "/a.csv": "id\n1\n" });
    await using web = await startWebServer({}, certificate);
    const location = `${plain.origin}/a.csv`;
    web.inject("/a.csv", { kind: "answer", status: 302, headers: { location } });
    const run = await varve("append", table, `${web.origin}/a.csv`);
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Cannot read ${web.origin}/a.csv: it redirects to ${plain.origin}, which is not encrypted.`,
      ),
    });
    expect(plain.log).toEqual([]);
  });

  it("is no longer fetched after a signal, and no copy is left", async () => {
    await using web = await startWebServer({ "/a.csv": "id\n1\n" }, certificate);
    const begun = new Promise<void>((act) => web.inject("/a.csv", { kind: "stall", act }));
    const own = mkdtempSync(join(folder, "temporary-"));
    const child = startVarve(["append", table, `${web.origin}/a.csv`], { stdin: "ignore", folder: own });
    const closed = once(child, "close");
    await begun;
    child.kill("SIGINT");
    expect([await closed, readdirSync(own)]).toEqual([[null, "SIGINT"], []]);
  });

  it("is not read from a server whose certificate nobody vouches for", async () => {
    await using web = await startWebServer({ "/a.csv": "id\n1\n" }, selfSigned());
    const run = await varve("append", table, `${web.origin}/a.csv?sig=topsecret`);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("NODE_EXTRA_CA_CERTS") });
    expect(run.stderr).not.toContain("topsecret");
    expect(web.log).toEqual([]);
  });

  it.each([
    ["an address without an ending", "append", table, "https://example.com/export?sig=topsecret"],
    ["the same of a check", "check", suite, "https://example.com/export?sig=topsecret"],
    ["another scheme", "append", table, "gs://bucket/a.csv"],
    ["HTTP elsewhere", "append", table, "http://example.com/a.csv?sig=topsecret"],
  ])("is refused with what to do: %s", async (name, ...args) => {
    const messages: Readonly<Record<string, string>> = {
      "another scheme": "curl 'gs://bucket/a.csv' | varve append TABLE -",
      "HTTP elsewhere": "HTTP is not encrypted",
    };
    const run = await varve(...args);
    expect(run.code).toBeGreaterThan(0);
    const message = messages[name] ?? "format of https://example.com/export from its extension";
    expect(run.stderr.replaceAll(/\s+/g, " ")).toContain(message);
    expect(run.stderr).not.toContain("topsecret");
  });
});
