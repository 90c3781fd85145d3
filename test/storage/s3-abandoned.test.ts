import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import type { Bucket } from "../support/s3-bucket.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const world: World = { ...realWorld, sleep: async () => undefined };
const later = Date.now() + 3_600_000;
let server: S3Server;
let bucket: Bucket;

beforeEach(async () => {
  server = await startS3Server({ pageCap: 2 });
  bucket = server.buckets.get("bucket") ?? fail();
});
afterEach(() => server.close());

const open = (prefix = "table") => s3Store("bucket", prefix, server.options, world);
const uploads = () => [...bucket.uploads.values()].map(({ key }) => key).sort();

function fail(): never {
  throw new Error("the server has no bucket");
}

describe("unfinished uploads in S3", () => {
  const keys = ["a +.parquet", "a +.parquet", "b", "c/d", "ä%20"].map((name) => `table/${name}`);

  it("are found on every page of the listing, under the names that they were begun with", async () => {
    for (const key of keys) bucket.beginUpload(key);
    const store = await open();
    expect((await store.listAbandoned?.(later))?.toSorted()).toEqual(
      keys.map((key) => key.slice("table/".length)).toSorted(),
    );
    const listings = server.log.filter(({ query }) => query["uploads"] !== undefined);
    expect(listings.map(({ query }) => query["prefix"])).toEqual(["table/", "table/", "table/"]);
    expect(await store.removeAbandoned?.(later)).toBe(5);
    expect(uploads()).toEqual([]);
  });

  it("stay where they are as young as the time, or below another prefix, or were finished meanwhile", async () => {
    const id = bucket.beginUpload("table/x");
    bucket.beginUpload("tables/y");
    const begun = bucket.uploads.get(id)?.begun.getTime() ?? 0;
    const store = await open();
    expect(await store.listAbandoned?.(begun)).toEqual([]);
    expect(await store.removeAbandoned?.(begun)).toBe(0);
    server.inject({ kind: "answer", status: 404, code: "NoSuchUpload" }, ({ method }) => method === "DELETE");
    await store.removeAbandoned?.(begun + 1);
    expect(uploads()).toEqual(["table/x", "tables/y"]);
    expect(await store.removeAbandoned?.(begun + 1)).toBe(1);
    expect(uploads()).toEqual(["tables/y"]);
  });

  it("of a store at the root of a bucket are all of the bucket's", async () => {
    bucket.beginUpload("x/y");
    bucket.put("_delta_log/.varve-probe-dead", Buffer.alloc(0), {});
    const store = await open("");
    expect(await store.listAbandoned?.(later)).toEqual(["x/y", "_delta_log/.varve-probe-dead"]);
    expect(await store.removeAbandoned?.(later)).toBe(2);
    expect([bucket.uploads.size, bucket.objects.size]).toEqual([0, 0]);
  });

  it("are not looked for by those who want to look nearby only", async () => {
    bucket.beginUpload("table/x");
    bucket.put("table/_delta_log/.varve-probe-dead", Buffer.alloc(0), {});
    expect(await (await open()).removeAbandoned?.(later, { nearby: true })).toBe(0);
    expect(await (await open()).removeAbandoned?.(later, { nearby: false })).toBe(2);
    expect(server.log.length).toBeGreaterThan(0);
    const asked = server.log.length;
    await (await open()).removeAbandoned?.(later, { nearby: true });
    expect(server.log).toHaveLength(asked);
  });

  it("are aborted and named in spite of passing failures, and a refusal is told", async () => {
    bucket.beginUpload("table/x");
    const store = await open();
    server.inject({ kind: "answer", status: 503, code: "SlowDown" });
    expect(await store.listAbandoned?.(later)).toEqual(["x"]);
    server.inject({ kind: "reset-before" }, ({ method }) => method === "DELETE");
    expect(await store.removeAbandoned?.(later)).toBe(1);
    bucket.beginUpload("table/y");
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "DELETE");
    await expect(store.removeAbandoned?.(later)).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      message: expect.stringContaining('abort the upload of "table/y"'),
    });
  });
});

describe("probes of conditional writes that dead writers left in S3", () => {
  const probe = "table/_delta_log/.varve-probe-ä +";

  it("are named and removed, and what is as young as the time stays", async () => {
    bucket.put(probe, Buffer.alloc(0), {});
    bucket.put("table/_delta_log/0.json", Buffer.alloc(0), {});
    bucket.put("table/.varve-probe-elsewhere", Buffer.alloc(0), {});
    const store = await open();
    const modified = Math.floor((bucket.objects.get(probe)?.modified.getTime() ?? 0) / 1000) * 1000;
    expect(await store.listAbandoned?.(modified)).toEqual([]);
    expect(await store.removeAbandoned?.(modified)).toBe(0);
    expect(await store.listAbandoned?.(later)).toEqual(["_delta_log/.varve-probe-ä +"]);
    server.inject({ kind: "reset-before" }, ({ method }) => method === "DELETE");
    expect(await store.removeAbandoned?.(later)).toBe(1);
    expect([...bucket.objects.keys()].sort()).toEqual([
      "table/.varve-probe-elsewhere",
      "table/_delta_log/0.json",
    ]);
  });

  it("are a failure where the store refuses to list or to delete them, which says what was tried", async () => {
    bucket.put(probe, Buffer.alloc(0), {});
    const store = await open();
    server.inject(
      { kind: "answer", status: 403, code: "AccessDenied" },
      ({ query }) => query.get("list-type") === "2",
    );
    await expect(store.listAbandoned?.(later)).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      message: expect.stringContaining('list probes below "table/"'),
    });
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "DELETE");
    await expect(store.removeAbandoned?.(later)).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      message: expect.stringContaining(`delete ${JSON.stringify(probe)}`),
    });
  });
});

describe("looking for what dead writers left in S3", () => {
  it("agrees to pay on every request", async () => {
    bucket.beginUpload("table/x");
    bucket.put("table/_delta_log/.varve-probe-dead", Buffer.alloc(0), {});
    const store = await s3Store("bucket", "table", { ...server.options, requesterPays: true }, world);
    await store.removeAbandoned?.(later);
    expect(server.log.map(({ method }) => method)).toEqual(["GET", "DELETE", "GET", "DELETE"]);
    expect(new Set(server.log.map(({ requestPayer }) => requestPayer))).toEqual(new Set(["requester"]));
  });

  it.each(["uploads", "upload", "probes", "probe"])(
    "ends when the caller's signal aborts, at: %s",
    async (step) => {
      bucket.beginUpload("table/x");
      bucket.put("table/_delta_log/.varve-probe-dead", Buffer.alloc(0), {});
      const store = await open();
      const controller = new AbortController();
      const request = { uploads: 1, upload: 2, probes: 3, probe: 4 }[step] ?? 0;
      server.inject(
        { kind: "hang-before", act: () => controller.abort() },
        () => server.log.length === request,
      );
      await expect(store.removeAbandoned?.(later, { signal: controller.signal })).rejects.toMatchObject({
        code: "CANCELLED",
      });
      expect(server.log).toHaveLength(request);
    },
  );
});
