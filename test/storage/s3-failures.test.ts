import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isVarveError, type VarveError } from "../../src/errors.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const bytes = new TextEncoder().encode("x");
let server: S3Server;
let waits: number[];
/** Draws the longest wait each time, and waits for none. */
const world: World = {
  ...realWorld,
  random: () => 1,
  sleep: async (milliseconds) => {
    waits.push(milliseconds);
  },
};

beforeEach(async () => {
  waits = [];
  server = await startS3Server();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const retry = { attempts: 2, baseMilliseconds: 100, capMilliseconds: 5000 };
const open = (options: Partial<S3Options> = {}): Promise<ObjectStore> =>
  s3Store("bucket", "table", { ...server.options, retry, ...options }, world);

async function failureOf(work: Promise<unknown>): Promise<VarveError> {
  const outcome: unknown = await work.then(
    () => new Error("it succeeded"),
    (error: unknown) => error,
  );
  if (isVarveError(outcome)) return outcome;
  throw outcome;
}

/** Neither environment nor files of this machine configure the SDK. */
function withoutConfiguration(): void {
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"])
    vi.stubEnv(name, undefined);
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    vi.stubEnv(name, undefined);
  for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/nowhere/aws");
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
}

describe("a failed S3 request", () => {
  const refusals = [
    [403, "AccessDenied", "Check the credentials, permissions, region and endpoint."],
    [400, "InvalidArgument", "Check the credentials, permissions, region and endpoint."],
    [404, "NoSuchBucket", "Create the bucket or correct its name."],
    [507, "InsufficientStorage", "Free some space or raise the quota, and repeat it."],
    [301, "PermanentRedirect", "The bucket is in another region; set the region."],
    [307, "TemporaryRedirect", "The bucket is in another region; set the region."],
    [501, "NotImplemented", "Check the credentials, permissions, region and endpoint."],
  ] as const;
  it.each(refusals)("HTTP %i %s is final, and the message says what to do", async (status, code, advice) => {
    server.inject({ kind: "answer", status, code, message: "No way" }, () => true, 9);
    const failure = await failureOf((await open()).get("a/b"));
    expect(failure.code).toBe(
      ({ 403: "STORE_FORBIDDEN", 507: "STORE_FULL" } as Record<number, string>)[status] ?? "STORE_REFUSED",
    );
    expect(failure.message).toBe(
      `Could not read "a/b" in s3://bucket/table (${code}, HTTP ${status}): No way. ${advice}`,
    );
    expect(failure.data).toEqual({
      path: "a/b",
      store: "s3://bucket/table",
      code,
      status,
      requestId: "0000000000000000",
    });
    expect(failure.cause).toMatchObject({ name: code, message: "No way" });
    expect(server.log).toHaveLength(1);
    expect(waits).toEqual([]);
  });

  const passing = [
    [408, "RequestTimeout"],
    [408, "Whatever"],
    [409, "OperationAborted"],
    [500, "InternalError"],
    [502, "BadGateway"],
    [503, "ServiceUnavailable"],
    [400, "RequestTimeout"],
    [400, "IncompleteBody"],
    [400, "BadDigest"],
    [400, "XAmzContentSHA256Mismatch"],
    [403, "RequestTimeTooSkewed"],
  ] as const;
  it.each(passing)("HTTP %i %s is tried again, and told as a passing state", async (status, code) => {
    server.inject({ kind: "answer", status, code, message: "Later!" }, () => true, 9);
    const failure = await failureOf((await open()).get("x"));
    expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE", data: { status, code } });
    expect(failure.message).toMatch(/: Later! Retry later\.$/);
    expect(server.log).toHaveLength(2);
    expect(waits).toEqual([100]);
  });

  const throttled = [
    [503, "SlowDown"],
    [400, "Throttling"],
    [400, "ThrottlingException"],
    [400, "RequestLimitExceeded"],
    [400, "TooManyRequests"],
    [429, "Whatever"],
  ] as const;
  it.each(throttled)(
    "HTTP %i %s waits ten times as long, and asks for fewer requests",
    async (status, code) => {
      server.inject({ kind: "answer", status, code }, () => true, 9);
      const failure = await failureOf((await open()).get("x"));
      expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE", data: { status, code } });
      expect(failure.message).toContain("throttling; retry with fewer concurrent requests.");
      expect(waits.slice(0, 1)).toEqual([1000]);
    },
  );

  it.each([
    ["NoSuchKey", 404],
    ["SomethingElse", 404],
    ["NoSuchKey", 400],
  ])("%s with HTTP %i says that the object is not there", async (code, status) => {
    server.inject({ kind: "answer", status, code }, () => true, 9);
    const store = await open();
    expect(await failureOf(store.get("x"))).toMatchObject({ code: "OBJECT_NOT_FOUND", data: { path: "x" } });
    await store.delete("x");
    expect(server.log).toHaveLength(2);
  });

  it("HTTP 412 and 416 are answers, which nobody asks for again", async () => {
    const store = await open();
    server.inject({ kind: "answer", status: 416, code: "InvalidRange" });
    expect(await store.getRange("x", 0, 5)).toEqual(new Uint8Array());
    server.inject({ kind: "answer", status: 412, code: "PreconditionFailed" });
    expect(await failureOf(store.get("x"))).toMatchObject({ data: { status: 412 } });
    expect(server.log).toHaveLength(2);
  });

  it("with an empty message is told by its code", async () => {
    server.inject({ kind: "answer", status: 403, code: "AccessDenied", message: "" });
    expect((await failureOf((await open()).get("x"))).message).toMatch(
      /HTTP 403\): \w+.*\. Check the credentials/,
    );
  });

  it("without an answer names the network's error, and has no status", async () => {
    const store = await open();
    await server.close();
    const failure = await failureOf(store.get("x"));
    expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE", data: { code: "ECONNREFUSED" } });
    expect(failure.data).toMatchObject({ status: undefined });
    expect(failure.message).toMatch(/\(ECONNREFUSED\): .*\. Retry later\.$/);
    expect(waits).toEqual([100]);
    server = await startS3Server();
  });

  it("is not sent at all without a region or credentials, and says so", async () => {
    withoutConfiguration();
    const { credentials } = server.options;
    const nowhere = await s3Store("bucket", "", { credentials }, world);
    const failure = await failureOf(nowhere.get("x"));
    expect(failure.code).toBe("STORE_REFUSED");
    expect(failure.message).toMatch(/Region is missing\. Set the region\.$/);
    const anyone = await s3Store("bucket", "", { endpoint: server.options.endpoint }, world);
    expect(await failureOf(anyone.get("x"))).toMatchObject({
      code: "STORE_FORBIDDEN",
      message: expect.stringContaining("Check the credentials"),
    });
    expect(server.log).toEqual([]);
    expect(waits).toEqual([]);
  });

  it("is named by what it was for, whatever the call", async () => {
    const folder = await mkdtemp(join(tmpdir(), "varve-s3-"));
    const [small, large] = [join(folder, "small"), join(folder, "large")];
    await writeFile(small, bytes);
    await writeFile(large, new Uint8Array(6 * 2 ** 20));
    const store = await open({ partBytes: 5 * 2 ** 20 });
    await store.putIfAbsent("warm", bytes);
    const listing = async () => {
      for await (const _ of store.list("p/"));
    };
    const calls: readonly (readonly [string, () => Promise<unknown> | undefined])[] = [
      ['read "x"', () => store.get("x")],
      ['read "x"', () => store.getRange("x", 1, 2)],
      ['describe "x"', () => store.head("x")],
      ['describe "x"', () => store.getRange("x", 1, 0)],
      ['list "p/"', listing],
      ['write "x"', () => store.put("x", bytes)],
      ['write "x"', () => store.putFile("x", small)],
      ['begin the upload of "x"', () => store.putFile("x", large)],
      ['create "x"', () => store.putIfAbsent("x", bytes)],
      ['delete "x"', () => store.delete("x")],
      ['list uploads below "table/"', () => store.removeAbandoned?.(Date.now() + 60_000)],
      ['list uploads below "table/"', () => store.listAbandoned?.(Date.now() + 60_000)],
    ];
    for (const [purpose, call] of calls) {
      server.inject({ kind: "answer", status: 403, code: "AccessDenied" });
      const failure = await failureOf(Promise.resolve(call()));
      expect(failure.message).toContain(`Could not ${purpose} in s3://bucket/table (`);
      expect(failure.data).toMatchObject({ status: 403 });
    }
    const steps: readonly (readonly [
      string,
      (query: ReadonlyMap<string, string>, method: string) => boolean,
    ])[] = [
      ["write part 2 of", (query) => query.get("partNumber") === "2"],
      ["finish the upload of", (query, method) => method === "POST" && query.has("uploadId")],
    ];
    for (const [purpose, matches] of steps) {
      server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ query, method }) =>
        matches(query, method),
      );
      expect((await failureOf(store.putFile("x", large))).message).toContain(`Could not ${purpose} "x"`);
    }
    const fresh = await open();
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "PUT");
    expect((await failureOf(fresh.putIfAbsent("x", bytes))).message).toMatch(
      /Could not test conditional writes with "_delta_log\/\.varve-probe-[^"]+"/,
    );
    await rm(folder, { recursive: true });
  });
});

describe("waiting for an S3 server", () => {
  it("doubles up to the cap", async () => {
    server.inject({ kind: "answer", status: 500, code: "InternalError" }, () => true, 9);
    await failureOf((await open({ retry: { ...retry, attempts: 8, capMilliseconds: 2500 } })).get("x"));
    expect(waits).toEqual([100, 200, 400, 800, 1600, 2500, 2500]);
  });

  it("goes on up to eight attempts from 50 ms to 10 s unless told otherwise", async () => {
    server.inject({ kind: "answer", status: 500, code: "InternalError" }, () => true, 99);
    await failureOf((await open({ retry: undefined })).get("x"));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200]);
    waits = [];
    const throttled = await open({ retry: undefined });
    await server.close();
    await failureOf(throttled.get("x"));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200]);
    server = await startS3Server();
  });

  it("makes one attempt where none are allowed", async () => {
    server.inject({ kind: "answer", status: 500, code: "InternalError" }, () => true, 9);
    await failureOf((await open({ retry: { attempts: 0 } })).get("x"));
    expect(server.log).toHaveLength(1);
  });

  it("is as long as the server asks for, up to the cap, whatever is drawn", async () => {
    const brief: World = { ...world, random: () => 0 };
    const store = await s3Store("bucket", "table", { ...server.options, retry }, brief);
    for (const [seconds, expected] of [
      [2, 2000],
      [60, 5000],
      [-3, 0],
      [Number.NaN, 0],
    ] as const) {
      waits = [];
      server.inject({ kind: "answer", status: 500, code: "InternalError", retryAfterSeconds: seconds });
      await failureOf(store.get("x"));
      expect(waits).toEqual([expected]);
    }
  });

  it("holds back every later request until the time is up, and no longer", async () => {
    let now = 1_000_000;
    const frozen: World = { ...world, now: () => now };
    const store = await s3Store("bucket", "table", { ...server.options, retry }, frozen);
    await store.put("x", bytes);
    server.inject({ kind: "answer", status: 503, code: "SlowDown" });
    expect(await store.get("x"), "its own try waits as well").toEqual(bytes);
    expect(waits).toEqual([1000, 1000]);
    now += 400;
    await store.get("x");
    expect(waits).toEqual([1000, 1000, 600]);
    now += 600;
    await store.get("x");
    expect(waits).toEqual([1000, 1000, 600]);
  });

  it("is not shortened by a later, smaller wish", async () => {
    const now = 1_000_000;
    const frozen: World = { ...world, now: () => now };
    const store = await s3Store("bucket", "table", { ...server.options, retry }, frozen);
    await store.putIfAbsent("warm", bytes);
    for (const retryAfterSeconds of [5, 2]) {
      server.inject({ kind: "answer", status: 503, code: "SlowDown", retryAfterSeconds });
      expect(await store.putIfAbsent("x", bytes)).toBe("unknown");
    }
    waits = [];
    await store.head("x");
    expect(waits).toEqual([5000]);
  });

  it("is not asked for by a server that fails without throttling", async () => {
    const store = await open();
    await store.putIfAbsent("warm", bytes);
    server.inject({ kind: "answer", status: 500, code: "InternalError" });
    expect(await store.putIfAbsent("x", bytes)).toBe("unknown");
    await store.head("x");
    expect(waits).toEqual([]);
  });
});

describe("a credential that a server repeats", () => {
  const credentials = {
    accessKeyId: "testkey",
    secretAccessKey: "testsecret",
    sessionToken: "FwoGZXIvYXdzEBYaDK",
  };
  const echoes = [
    ["the key", "The key testkey does not exist", "The key *** does not exist"],
    ["the secret, twice", "testsecret and testsecret", "*** and ***"],
    ["the session token", "Token FwoGZXIvYXdzEBYaDK is old", "Token *** is old"],
    ["another's key", "AKIAIOSFODNN7EXAMPLE or ASIAIOSFODNN7EXAMPLE", "*** or ***"],
    [
      "a signed URL",
      "x?X-Amz-Signature=0af1&X-Amz-Credential=k/1/s3&X-Amz-Security-Token=t/2&n=1",
      "x?X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Security-Token=***&n=1",
    ],
    [
      "a header",
      "Credential=k/2/s3, SignedHeaders=host, Signature=0af1",
      "Credential=***, SignedHeaders=host, Signature=***",
    ],
  ] as const;

  it.each(echoes)("is blotted out: %s", async (_, message, shown) => {
    server.inject({ kind: "answer", status: 403, code: "AccessDenied", message });
    const failure = await failureOf((await open({ credentials })).get("x"));
    expect(failure.message).toContain(`: ${shown}. Check`);
    for (const secret of ["testsecret", "FwoGZXIvYXdzEBYaDK", "IOSFODNN7", "0af1", "k/1", "t/2"])
      expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain(secret);
  });

  it("is not sought where there is none: other words stay as they are", async () => {
    const message = "AKIA is no key and a Signature is none, nor is XAKIAIOSFODNN7EXAMPLE";
    server.inject({ kind: "answer", status: 403, code: "AccessDenied", message }, () => true, 9);
    for (const none of ["anonymous", { accessKeyId: "", secretAccessKey: "", sessionToken: "" }] as const)
      expect((await failureOf((await open({ credentials: none })).put("x", bytes))).message).toMatch(
        /AKIA is no key|credential/i,
      );
    const failure = await failureOf((await open()).get("x"));
    expect(failure.message).toContain(message);
  });
});
