import { truncateSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openStore } from "../../src/storage/open-store.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { type Fault, type S3Server, type S3ServerOptions, startS3Server } from "../support/s3-server.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const commit = "_delta_log/00000000000000000000.json";
const onCommit = ({ key, method }: { key: string; method: string }) =>
  method === "PUT" && key.endsWith(commit);

let server: S3Server;
let waits: number[];
let folder: string;
const world: World = {
  ...realWorld,
  sleep: async (milliseconds, signal) => {
    waits.push(milliseconds);
    await realWorld.sleep(Math.min(milliseconds, 1), signal);
  },
};

beforeEach(async () => {
  waits = [];
  folder = await mkdtemp(join(tmpdir(), "varve-s3-"));
  server = await startS3Server();
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const open = (options: Partial<S3Options> = {}): Promise<ObjectStore> =>
  s3Store("bucket", "table", { ...server.options, ...options }, world);
async function restart(options: S3ServerOptions): Promise<void> {
  await server.close();
  server = await startS3Server(options);
}
async function failureOf(work: Promise<unknown>): Promise<Error> {
  return await work.then(
    () => new Error("it succeeded"),
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}
/** Requests since the probe of the conditional write. */
const requests = () =>
  server.log.filter(({ key }) => !key.includes(".varve-probe-")).map(({ method, key }) => `${method} ${key}`);

describe("S3 store: creating an object once", () => {
  const landed: readonly Fault[] = [
    { kind: "reset-after" },
    { kind: "answer-after", status: 500, code: "InternalError" },
    { kind: "answer-after", status: 503, code: "ServiceUnavailable" },
    { kind: "hang-after" },
  ];
  const lost: readonly Fault[] = [
    { kind: "reset-before" },
    { kind: "answer", status: 500, code: "InternalError" },
    { kind: "answer", status: 503, code: "SlowDown" },
    { kind: "answer", status: 409, code: "ConditionalRequestConflict" },
    { kind: "answer", status: 400, code: "RequestTimeout" },
    { kind: "hang-before" },
  ];

  for (const fault of [...landed, ...lost]) {
    it(`answers unknown after ${JSON.stringify(fault)}, sends nothing twice, and never takes its own object for another's`, async () => {
      const store = await open({ idleTimeoutMilliseconds: 200 });
      server.inject(fault, onCommit);
      expect(await store.putIfAbsent(commit, utf8("ours"))).toBe("unknown");
      expect(requests(), "the request was sent once").toEqual([`PUT table/${commit}`]);
      const isThere = (await store.head(commit)) !== undefined;
      expect(isThere).toBe(landed.includes(fault));
      expect(await store.putIfAbsent(commit, utf8("ours"))).toBe(isThere ? "unknown" : "created");
      expect(text(await store.get(commit))).toBe("ours");
    });
  }

  it("answers exists at once when another writer was first and no attempt of ours is in doubt", async () => {
    const [ours, theirs] = [await open(), await open()];
    expect(await theirs.putIfAbsent(commit, utf8("theirs"))).toBe("created");
    expect(await ours.putIfAbsent(commit, utf8("ours"))).toBe("exists");
  });

  it("answers unknown when the caller's signal aborts after the request was sent", async () => {
    const store = await open();
    await store.putIfAbsent("warm", utf8("x"));
    const controller = new AbortController();
    server.inject({ kind: "hang-after", act: () => controller.abort() }, onCommit);
    expect(await store.putIfAbsent(commit, utf8("ours"), { signal: controller.signal })).toBe("unknown");
    expect(text(await store.get(commit))).toBe("ours");
  });

  it("throws for a definite refusal", async () => {
    const store = await open();
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, onCommit);
    await expect(store.putIfAbsent(commit, utf8("x"))).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      data: { status: 403 },
    });
    await expect(
      (await s3Store("nowhere", "", { ...server.options }, world)).putIfAbsent(commit, utf8("x")),
    ).rejects.toMatchObject({
      code: "STORE_REFUSED",
      data: { code: "NoSuchBucket" },
    });
  });

  it("finds out once a client that the server honours the condition, and leaves no trace", async () => {
    const options = { ...server.options };
    const first = await s3Store("bucket", "one", options, world);
    const second = await s3Store("bucket", "two", options, world);
    await Promise.all([
      first.putIfAbsent("a", utf8("x")),
      first.putIfAbsent("b", utf8("x")),
      second.putIfAbsent("a", utf8("x")),
    ]);
    const probes = server.log.filter(({ key }) => key.includes(".varve-probe-"));
    expect(probes.map(({ method, status }) => [method, status])).toEqual([["PUT", 200], ["PUT", 412], ["DELETE", 204]]); // biome-ignore format: one line a probe
    expect([...(server.buckets.get("bucket")?.objects.keys() ?? [])]).toEqual(["one/a", "one/b", "two/a"]);
  });

  it("refuses a server that ignores the condition before the first commit lands, but reads from it", async () => {
    await restart({ conditionalPut: "ignore" });
    const store = await open();
    await expect(store.putIfAbsent(commit, utf8("x"))).rejects.toMatchObject({
      code: "STORE_NO_CONDITIONAL_PUT",
    });
    await expect(store.putIfAbsent(commit, utf8("x"))).rejects.toThrowError(/overwrote an object/);
    expect(server.buckets.get("bucket")?.objects.size).toBe(0);
    expect(
      server.log.filter(({ method }) => method === "PUT"),
      "it was asked once",
    ).toHaveLength(2);
    await store.put("x", utf8("x"));
    expect(text(await store.get("x"))).toBe("x");
  });

  it("refuses a server that does not implement the condition", async () => {
    await restart({ conditionalPut: "refuse" });
    await expect((await open()).putIfAbsent(commit, utf8("x"))).rejects.toMatchObject({
      code: "STORE_NO_CONDITIONAL_PUT",
    });
  });

  it("takes a probe that was cut short as no verdict, and asks again", async () => {
    const store = await open();
    server.inject({ kind: "reset-after" }, ({ key }) => key.includes("probe"));
    expect(await store.putIfAbsent(commit, utf8("x")), "the lost answer's object met the second write").toBe(
      "created",
    );
  });
});

describe("S3 store: retries", () => {
  const passing: readonly Fault[] = [
    { kind: "reset-before" },
    { kind: "answer", status: 500, code: "InternalError" },
    { kind: "answer", status: 503, code: "SlowDown" },
    { kind: "truncate" },
    { kind: "stall" },
    { kind: "dribble", pieces: 4, pauseMilliseconds: 20 },
    { kind: "hang-before" },
  ];
  for (const fault of passing) {
    it(`reads the whole object in spite of ${JSON.stringify(fault)}`, async () => {
      const store = await open({ idleTimeoutMilliseconds: 200 });
      const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index % 253);
      await store.put("data", bytes);
      server.inject(fault, ({ method }) => method === "GET", 2);
      expect(Buffer.compare(await store.get("data"), bytes)).toBe(0);
      expect(Buffer.compare(await store.getRange("data", -100, 100), bytes.subarray(-100))).toBe(0);
    });
  }

  it("writes, lists, describes and deletes in spite of broken connections", async () => {
    const store = await open();
    server.inject({ kind: "reset-after" }, () => true, 1);
    await store.put("x", utf8("x"));
    server.inject({ kind: "reset-before" }, () => true, 1);
    expect(await store.head("x")).toMatchObject({ size: 1 });
    server.inject({ kind: "truncate" }, () => true, 2);
    const listed: string[] = [];
    for await (const { path } of store.list("")) listed.push(path);
    expect(listed).toEqual(["x"]);
    server.inject({ kind: "reset-after" }, () => true, 1);
    await store.delete("x");
    expect(await store.head("x")).toBeUndefined();
  });

  it("gives up after the policy's attempts, waiting longer and with jitter, and says what happened", async () => {
    const store = await open({ retry: { attempts: 5, baseMilliseconds: 100, capMilliseconds: 300 } });
    server.inject({ kind: "answer", status: 500, code: "InternalError" }, () => true, 100);
    await expect(store.get("x")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      data: { status: 500, code: "InternalError", path: "x" },
    });
    expect(server.log).toHaveLength(5);
    expect(waits).toHaveLength(4);
    for (const [index, wait] of waits.entries())
      expect(wait).toBeLessThanOrEqual(Math.min(300, 100 * 2 ** index));
    expect(new Set(waits).size).toBe(4);
  });

  it("makes every request of the client wait when the server asks to slow down, as long as it says", async () => {
    let now = 1_000_000;
    const frozen: World = {
      ...world,
      now: () => now,
      sleep: async (milliseconds) => {
        waits.push(milliseconds);
        now += milliseconds;
      },
    };
    const options = { ...server.options };
    const [one, other] = [
      await s3Store("bucket", "a", options, frozen),
      await s3Store("bucket", "b", options, frozen),
    ];
    server.inject({ kind: "answer", status: 503, code: "SlowDown", retryAfterSeconds: 3 }, onCommit);
    await one.putIfAbsent(commit, utf8("x"));
    expect(waits).toEqual([]);
    await other.head("x");
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(3000);
  });

  it("does not retry what cannot succeed", async () => {
    const store = await open({ credentials: { accessKeyId: "testkey", secretAccessKey: "wrong" } });
    await expect(store.get("x")).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      data: { status: 403, code: "SignatureDoesNotMatch" },
    });
    expect(server.log).toHaveLength(1);
  });

  it("stops waiting when the caller's signal aborts", async () => {
    const store = await open();
    const controller = new AbortController();
    server.inject({ kind: "hang-before", act: () => controller.abort() }, () => true, 10);
    await expect(store.get("x", { signal: controller.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("stops waiting to try again when the caller's signal aborts", async () => {
    const controller = new AbortController();
    const patient: World = {
      ...world,
      sleep: (_, signal) => {
        controller.abort(new Error("enough"));
        return realWorld.sleep(1_000_000, signal);
      },
    };
    const store = await s3Store("bucket", "table", server.options, patient);
    server.inject({ kind: "answer", status: 503, code: "SlowDown" }, () => true, 10);
    await expect(store.get("x", { signal: controller.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(requests()).toEqual(["GET table/x"]);
  });
});

describe("S3 store: the probe of conditional writes", () => {
  it("waits twice as long before each further try, up to a share that is drawn", async () => {
    const drawn: World = { ...world, random: () => 0.5 };
    const store = await s3Store("bucket", "table", server.options, drawn);
    server.inject(
      { kind: "answer", status: 500, code: "InternalError" },
      ({ key }) => key.includes(".varve-probe-"),
      2,
    );
    expect(await store.putIfAbsent(commit, utf8("x"))).toBe("created");
    expect(waits).toEqual([100, 200]);
  });
});

describe("S3 store: deleting", () => {
  it("says when an object could not be deleted, and takes one that is gone for deleted", async () => {
    const store = await open();
    await store.put("x", utf8("x"));
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "DELETE");
    await expect(store.delete("x")).rejects.toMatchObject({ code: "STORE_FORBIDDEN", data: { status: 403 } });
    await store.delete("x");
    await store.delete("x");
    expect(await store.head("x")).toBeUndefined();
  });

  const isDeletion = ({ method }: { method: string }) => method === "POST";
  const failed = (key: string, code: string) =>
    `<DeleteResult><Error>${key}<Code>${code}</Code><Message>Try again</Message></Error></DeleteResult>`;
  const deleted = async (faults: readonly Fault[]) => {
    const store = await open();
    for (const path of ["x", "y"]) await store.put(path, utf8("x"));
    for (const fault of faults) server.inject(fault, isDeletion);
    await store.deleteMany?.(["x", "y"]);
    return [await store.head("x"), await store.head("y")].map((info) => info === undefined);
  };

  it("asks again for the objects of a request that failed, and for all if it does not say which", async () => {
    const named: Fault = { kind: "success", body: failed("<Key>table/y</Key>", "InternalError") };
    expect(await deleted([named])).toEqual([false, true]);
    const nameless: Fault = { kind: "success", body: failed("", "InternalError") };
    expect(await deleted([nameless])).toEqual([true, true]);
    expect(await deleted([named, nameless])).toEqual([false, true]);
  });

  it("says when one of many objects may not be deleted", async () => {
    const denied: Fault = { kind: "success", body: failed("<Key>table/y</Key>", "AccessDenied") };
    await expect(deleted([denied])).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
  });

  it.each([
    [501, "NotImplemented"],
    [405, "MethodNotAllowed"],
    // Of servers that want a digest which the SDK does not send any more.
    [400, "MissingContentMD5"],
  ])(
    "deletes objects one by one where a server answers their common request with %i %s",
    async (status, code) => {
      expect(await deleted([{ kind: "answer", status, code }])).toEqual([true, true]);
    },
  );
});

describe("S3 store: reading ranges", () => {
  it("asks the server for no more than the range", async () => {
    const store = await open();
    await store.put("digits", utf8("0123456789"));
    await store.getRange("digits", 2, 3);
    await store.getRange("digits", -4, 4);
    expect(
      server.log.filter(({ method }) => method === "GET").map(({ range, bytesOut }) => [range, bytesOut]),
    ).toEqual([
      ["bytes=2-4", 3],
      ["bytes=-4", 4],
    ]);
  });

  it("cuts the range out itself where the server ignores ranges and sends everything", async () => {
    await restart({ ranges: "ignore" });
    const store = await open();
    await store.put("digits", utf8("0123456789"));
    expect(text(await store.getRange("digits", 2, 3))).toBe("234");
    expect(text(await store.getRange("digits", 8, 5))).toBe("89");
    expect(text(await store.getRange("digits", -4, 2))).toBe("67");
    expect(text(await store.getRange("digits", -100, 2))).toBe("01");
  });

  it("reads no bytes of an object that is there, and of none that is not", async () => {
    const store = await open();
    await store.put("digits", utf8("0123456789"));
    expect(await store.getRange("digits", 2, 0)).toEqual(new Uint8Array());
    await expect(store.getRange("nothing", 2, 0)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });
});

describe("S3 store: uploading files", () => {
  const bytes = Uint8Array.from({ length: 12 * 2 ** 20 + 17 }, (_, index) => (index * 31) % 241);
  const partBytes = 5 * 2 ** 20;

  it("sends a large file in parts, in spite of faults, and removes the local file", async () => {
    const store = await open({ partBytes });
    const file = join(await store.stagingFolder(), "part.parquet");
    await writeFile(file, bytes);
    server.inject({ kind: "reset-before" }, ({ query }) => query.get("partNumber") === "2");
    server.inject(
      { kind: "answer", status: 503, code: "SlowDown" },
      ({ query }) => query.get("partNumber") === "3",
    );
    server.inject({ kind: "reset-after" }, ({ method, query }) => method === "POST" && query.has("uploadId"));
    await store.putFile("data/part.parquet", file);
    expect(Buffer.compare(await store.get("data/part.parquet"), bytes)).toBe(0);
    expect(server.buckets.get("bucket")?.uploads.size).toBe(0);
    await expect(readdir(join(file, ".."))).resolves.toEqual([]);
    await rm(join(file, ".."), { recursive: true });
  });

  it("aborts the upload when a part is refused or the caller cancels, and keeps the local file", async () => {
    const store = await open({ partBytes });
    const file = join(folder, "part.parquet");
    await writeFile(file, bytes);
    server.inject(
      { kind: "answer", status: 403, code: "AccessDenied" },
      ({ query }) => query.get("partNumber") === "2",
    );
    await expect(store.putFile("refused", file)).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
    const controller = new AbortController();
    server.inject(
      { kind: "hang-before", act: () => controller.abort() },
      ({ query }) => query.get("partNumber") === "3",
    );
    await expect(store.putFile("cancelled", file, { signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    const bucket = server.buckets.get("bucket");
    expect([bucket?.uploads.size, bucket?.objects.size]).toEqual([0, 0]);
    expect(await readdir(folder)).toEqual(["part.parquet"]);
  });
});

describe("S3 store: an upload whose finish was not answered", () => {
  const bytes = Uint8Array.from({ length: 6 * 2 ** 20 }, (_, index) => (index * 31) % 241);
  const finishes = ({ method, query }: { method: string; query: ReadonlyMap<string, string> }) =>
    method === "POST" && query.has("uploadId");

  async function uploading(
    work: (store: ObjectStore, file: string) => Promise<void>,
    options: Partial<S3Options> = {},
  ) {
    const file = join(folder, "part.parquet");
    await writeFile(file, bytes);
    await work(await open({ partBytes: 5 * 2 ** 20, ...options }), file);
  }

  it("is finished where the object of its size is there", () =>
    uploading(async (store, file) => {
      server.inject({ kind: "reset-after" }, finishes);
      await store.putFile("data", file);
      expect(Buffer.compare(await store.get("data"), bytes)).toBe(0);
      expect(await readdir(folder)).toEqual([]);
    }));

  it.each([
    ["there is no object", undefined],
    ["an older object of another size is there", utf8("older")],
  ])("has failed where %s, and the local file stays", (_, older) =>
    uploading(async (store, file) => {
      if (older !== undefined) await store.put("data", older);
      server.inject({ kind: "answer", status: 404, code: "NoSuchUpload" }, finishes);
      expect(await failureOf(store.putFile("data", file))).toMatchObject({
        code: expect.stringMatching(/^(STORE|OBJECT)_/),
      });
      expect(await readdir(folder)).toEqual(["part.parquet"]);
      expect(server.buckets.get("bucket")?.objects.size).toBe(older === undefined ? 0 : 1);
    }),
  );

  it("is given up where the local file became shorter meanwhile, and no zeros take its place", () =>
    uploading(
      async (store, file) => {
        const act = () => truncateSync(file, 5 * 2 ** 20 + 1);
        server.inject({ kind: "hang-before", act }, ({ query }) => query.get("partNumber") === "1");
        await expect(store.putFile("data", file)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
        expect(server.buckets.get("bucket")?.objects.size).toBe(0);
        expect(server.buckets.get("bucket")?.uploads.size).toBe(0);
      },
      { uploadConcurrency: 1, idleTimeoutMilliseconds: 200 },
    ));
});

describe("S3 store: what dead writers left", () => {
  it("aborts uploads and removes probes that were begun before a time, below its own prefix only", async () => {
    const store = await open();
    const bucket = server.buckets.get("bucket");
    bucket?.beginUpload("table/p=1/ä +.parquet");
    bucket?.beginUpload("other/part.parquet");
    bucket?.put("table/_delta_log/.varve-probe-dead", Buffer.alloc(0), {});
    bucket?.put("table/_delta_log/0.json", Buffer.alloc(0), {});
    expect(await store.removeAbandoned?.(Date.now() - 60_000)).toBe(0);
    expect(await store.removeAbandoned?.(Date.now() + 60_000)).toBe(2);
    expect([...(bucket?.uploads.values() ?? [])].map(({ key }) => key)).toEqual(["other/part.parquet"]);
    expect([...(bucket?.objects.keys() ?? [])]).toEqual(["table/_delta_log/0.json"]);
  });
});

describe("S3 store: configuration", () => {
  it("opens s3: URIs, with s3a: as another spelling", async () => {
    const store = await openStore("s3a://bucket/a b/t%20/", { s3: server.options });
    expect(store.uri).toBe("s3://bucket/a b/t%20");
    await store.put("x", utf8("x"));
    expect([...(server.buckets.get("bucket")?.objects.keys() ?? [])]).toEqual(["a b/t%20/x"]);
  });

  it("agrees to pay when told to, on every request", async () => {
    const store = await open({ requesterPays: true });
    await store.putIfAbsent(commit, utf8("x"));
    await store.get(commit);
    await store.head(commit);
    for await (const _ of store.list(""));
    await store.delete(commit);
    expect(new Set(server.log.map(({ requestPayer }) => requestPayer))).toEqual(new Set(["requester"]));
  });

  it("sends unsigned requests when told to be anonymous", async () => {
    const failure = await failureOf((await open({ credentials: "anonymous" })).get("x"));
    expect(failure).toMatchObject({
      code: "STORE_FORBIDDEN",
      message: expect.stringContaining("No AWS4-HMAC-SHA256 Authorization header"),
    });
  });

  it("shows no credential in any error, however deep one looks", async () => {
    const credentials = {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG",
      sessionToken: "FwoGZXIvYXdzEBYaDK",
    };
    const store = await open({ credentials, retry: { attempts: 1 } });
    const failures = [await failureOf(store.get("x")), await failureOf(store.putIfAbsent("x", utf8("x")))];
    server.inject({ kind: "reset-before" }, () => true, 10);
    failures.push(await failureOf(store.put("x", utf8("x"))));
    await server.close();
    failures.push(await failureOf(store.head("x")));
    for (const failure of failures) {
      const shown =
        inspect(failure, { depth: 20, showHidden: true }) + JSON.stringify(failure) + (failure.stack ?? "");
      expect(shown).toContain("s3://bucket/table");
      for (const secret of Object.values(credentials)) expect(shown).not.toContain(secret);
      expect(shown).not.toMatch(/Signature=[0-9a-f]/);
    }
    server = await startS3Server();
  });

  it("refuses directory buckets and credentials in the URI", async () => {
    await expect(openStore("s3://logs--usw2-az1--x-s3/t")).rejects.toMatchObject({ code: "STORE_REFUSED" });
    const failure = await failureOf(openStore("s3://key:hunter2@bucket/t"));
    expect(failure).toMatchObject({ code: "INVALID_URI" });
    expect(failure.message).not.toContain("hunter2");
  });

  it("refuses a server that lists out of order", async () => {
    const store = await open();
    for (const name of ["a", "b", "c"]) await store.put(name, utf8(name));
    const listing = async () => {
      for await (const _ of store.list(""));
    };
    await listing();
    const bucket = server.buckets.get("bucket");
    if (bucket !== undefined) bucket.list = reversed(bucket.list.bind(bucket));
    await expect(listing()).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringContaining("byte order"),
    });
  });
});

function reversed<A extends unknown[], P extends { readonly objects: readonly unknown[] }>(
  list: (...args: A) => P,
): (...args: A) => P {
  return (...args) => {
    const page = list(...args);
    return { ...page, objects: page.objects.toReversed() };
  };
}
