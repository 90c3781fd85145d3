import { Agent, createServer, request } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openTable } from "../../src/api/open-table.ts";
import { createTable } from "../../src/operations/create.ts";
import { schema } from "../../src/schema/builder.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { readIndependently } from "../concurrency/independent-log.ts";
import {
  type FaultProxy,
  type FaultRates,
  type ProxyFault,
  proxyFaults,
  startFaultProxy,
} from "./fault-proxy.ts";
import { type S3Server, startS3Server } from "./s3-server.ts";

let server: S3Server;
let proxy: FaultProxy;

beforeEach(async () => {
  server = await startS3Server();
  proxy = await startFaultProxy({ target: server.options.endpoint, seed: 1, rates: {} });
});
afterEach(async () => {
  await proxy.close();
  await server.close();
});

describe("each fault really happens", () => {
  it("passes everything on unchanged without faults", async () => {
    const store = await openStore("s3://bucket/plain", { s3: throughProxy() });
    await store.put("a", Buffer.from("whole"));
    expect(Buffer.from(await store.get("a")).toString()).toBe("whole");
    expect(total()).toBe(0);
    expect(proxy.requests).toBe(server.log.length);
  });

  it("reply-dropped: the object is there and the client has no answer", async () => {
    await expect(putThrough("reply-dropped")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(stored()).toBe("new");
  });

  it("reply-replaced: the object is there and the client is told 500", async () => {
    await expect(putThrough("reply-replaced")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      data: { status: 500 },
    });
    expect(stored()).toBe("new");
  });

  it("error-burst: nothing reaches the server, and the client is told 500 or 503", async () => {
    await expect(putThrough("error-burst")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(server.log).toHaveLength(0);
  });

  it("reset-in-request: neither the server nor the client has the whole exchange", async () => {
    await expect(putThrough("reset-in-request")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(stored()).toBeUndefined();
  });

  it.each(["reset-in-response", "truncated-body"] as const)(
    "%s: half of the body arrives, then the connection ends",
    async (kind) => {
      const read = await readRaw(kind);
      expect(read.bytes).toBe(500);
      expect(read.whole).toBe(false);
      expect(proxy.counts[kind]).toBe(1);
    },
  );

  it("slow-body: the body arrives whole, in pieces", async () => {
    const read = await readRaw("slow-body");
    expect(read).toMatchObject({ bytes: 1000, whole: true });
    expect(read.chunks).toBeGreaterThan(1);
    expect(proxy.counts["slow-body"]).toBe(1);
  });

  it.each(["duplicate", "late-duplicate"] as const)(
    "%s: the server carries the request out twice",
    async (kind) => {
      await putThrough(kind);
      await proxy.close();
      expect(server.log.filter(({ method }) => method === "PUT")).toHaveLength(2);
      expect(stored()).toBe("new");
      proxy = await startFaultProxy({ target: server.options.endpoint, seed: 1, rates: {} });
    },
  );
});

describe("commits through the proxy", { timeout: 0 }, () => {
  it("land exactly once, whatever happens to their requests", async () => {
    const columns = schema().long("writer").long("batch").build();
    const created = await createTable(await openContext("s3://bucket/table", { s3: server.options }), {
      schema: columns,
    });
    await created.maintenance;
    proxy.setRates(Object.fromEntries(proxyFaults.map((kind) => [kind, 0.06])) as FaultRates);
    await Promise.all([0, 1, 2].map((writer) => writeBatches(writer, 8)));
    proxy.setRates({});
    const log = await readIndependently(await openStore("s3://bucket/table", { s3: server.options }));
    const expected = [0, 1, 2].flatMap((writer) =>
      Array.from({ length: 8 }, (_, batch) => `${writer}/${batch}`),
    );
    expect(log.txns.map(({ id }) => id).sort()).toEqual(expected.map((id) => `varve.batch.${id}@1`).sort());
    await using table = await openTable("s3://bucket/table", { s3: server.options });
    const rows: string[] = [];
    for await (const { writer, batch } of table.snapshot().rows()) rows.push(`${writer}/${batch}`);
    expect(rows.sort()).toEqual(expected.sort());
    for (const kind of proxyFaults) expect(proxy.counts[kind], kind).toBeGreaterThan(0);
  });
});

/** Appends each batch until it is acknowledged, as a careful application does. */
async function writeBatches(writer: number, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; ) {
    try {
      await using table = await openTable("s3://bucket/table", { s3: throughProxy(8), threads: 1 });
      await table.append([{ writer, batch }], { batchId: `${writer}/${batch}` });
      await table.settled();
      batch++;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "STORE_UNAVAILABLE" && code !== "COMMIT_OUTCOME_UNKNOWN") throw error;
    }
  }
}

function throughProxy(attempts = 1) {
  return {
    ...server.options,
    endpoint: proxy.endpoint,
    retry: { attempts, baseMilliseconds: 1, capMilliseconds: 20 },
  };
}

async function putThrough(kind: ProxyFault): Promise<void> {
  const store = await openStore("s3://bucket/table", { s3: throughProxy() });
  proxy.setRates({ [kind]: 1 });
  try {
    await store.put("object", Buffer.from("new"));
  } finally {
    proxy.setRates({});
    expect(proxy.counts[kind]).toBeGreaterThan(0);
  }
}

function stored(): string | undefined {
  return server.buckets.get("bucket")?.objects.get("table/object")?.bytes.toString();
}

function total(): number {
  return proxyFaults.reduce((sum, kind) => sum + proxy.counts[kind], 0);
}

/**
 * A plain HTTP server's answer of 1000 bytes, read through the proxy without a client that would repeat or
 * repair anything.
 */
async function readRaw(
  kind: ProxyFault,
): Promise<{ readonly bytes: number; readonly chunks: number; readonly whole: boolean }> {
  const plain = createServer((_, outgoing) => outgoing.end(Buffer.alloc(1000, "x")));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const address = plain.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no port");
  await proxy.close();
  proxy = await startFaultProxy({
    target: `http://127.0.0.1:${address.port}`,
    seed: 1,
    rates: { [kind]: 1 },
  });
  const read = await new Promise<{ bytes: number; chunks: number; whole: boolean }>((resolve, reject) => {
    const sent = request(`${proxy.endpoint}/object`, { agent: new Agent() }, (answer) => {
      let [bytes, chunks] = [0, 0];
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks++;
      });
      answer.on("error", () => undefined);
      answer.on("close", () => resolve({ bytes, chunks, whole: answer.complete }));
    });
    sent.once("error", reject);
    sent.end();
  });
  await new Promise((resolve) => plain.close(resolve));
  return read;
}
