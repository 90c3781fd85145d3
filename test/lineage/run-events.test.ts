import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { recordRun } from "../../src/api/records/runs.ts";
import { eventReceiver } from "../../src/lineage/event-receiver.ts";
import { eventRunId } from "../../src/lineage/run-event.ts";
import { RunEvents } from "../../src/lineage/run-events.ts";
import type { TableContext } from "../../src/log/contract.ts";
import type { RunRecord } from "../../src/runs/run-record.ts";
import { arrayOf, schema } from "../../src/schema/builder.ts";
import { realWorld } from "../../src/util/world.ts";
import { freshFolder } from "../operations/table-folder.ts";

const suite = {
  name: "orders",
  maxBadShare: 1,
  checks: [
    {
      id: "amount:positive",
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "warn",
    },
    { id: "rows", kind: "expect_table_row_count_to_be_between", params: { min_value: 1 } },
  ],
} as const;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that answers each request by the next status, and keeps what it was sent. */
async function receiver(...statuses: readonly number[]) {
  const requests: {
    readonly path: string | undefined;
    readonly headers: IncomingMessage["headers"];
    readonly body: string;
  }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => {
      body += part.toString("utf8");
    });
    request.on("end", () => {
      requests.push({ path: request.url, headers: request.headers, body });
      response
        .writeHead(statuses[requests.length - 1] ?? 201, { location: "http://127.0.0.1:1/" })
        .end("<b>no</b>");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A run over a tested and measured version of a table. */
async function recorded() {
  const folder = freshFolder();
  const columns = schema()
    .long("id", { comment: "of the order" })
    .double("amount")
    .column("items", arrayOf(schema().string("name").decimal("price", 9, 2)));
  const table = await createTable(join(folder, "orders"), { schema: columns, name: "Orders" });
  await table.append(
    [
      { id: 1, amount: 5 },
      { id: 2, amount: -1 },
      { id: 3, amount: null },
    ],
    { gate: suite },
  );
  await table.metrics.record();
  writeFileSync(join(folder, "out.csv"), "x\n");
  const { run } = await recordRun({
    name: "train",
    inputs: { name: "orders", table: table.uri },
    outputs: [join(folder, "out.csv"), { table: table.uri, version: 0 }],
    params: { rate: 0.1, deep: { a: 1 }, label: "late" },
    metrics: { error: 0.25 },
    seed: 42,
  });
  const { context } = table.snapshot().log;
  return { folder, table, run, context };
}

interface EventsOptions {
  readonly apiKey?: string;
  readonly namespace?: string;
  readonly attemptMilliseconds?: number;
}

/** Sends the events of a run, its start too if asked, and returns the warnings. */
async function sent(
  context: TableContext,
  place: string,
  runs: readonly RunRecord[],
  { apiKey, ...options }: EventsOptions = {},
): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  const events = new RunEvents(context, {
    receiver: eventReceiver(place, apiKey),
    version: "1.2.3",
    onWarning,
    ...options,
  });
  for (const run of runs.slice(0, -1)) events.started(run);
  const last = runs.at(-1);
  if (last !== undefined) await events.ended(last);
  return warnings;
}

const started = ({ endedAt: _, ...run }: RunRecord): RunRecord => ({
  ...run,
  status: "started",
  outputs: [],
});

describe("the events of a run", () => {
  it("are a START and a COMPLETE with the datasets, as JSON lines of a file", async () => {
    const { folder, table, run, context } = await recorded();
    const file = join(folder, "events.jsonl");
    expect(await sent(context, file, [started(run), run])).toEqual([]);
    const lines = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ eventType }) => eventType)).toEqual(["START", "COMPLETE"]);
    const [start, complete] = lines;
    expect(start).toMatchObject({
      eventTime: run.startedAt.toISOString(),
      producer: "pkg:npm/varve@1.2.3",
      schemaURL: "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
      job: { namespace: "varve", name: "train" },
      outputs: [],
    });
    expect(complete.eventTime).toBe(run.endedAt?.toISOString());
    expect(complete.run).toMatchObject({
      runId: eventRunId(run.runId),
      facets: {
        executionParameters: {
          parameters: [
            { key: "rate", value: "0.1" },
            { key: "deep", value: '{"a":1}' },
            { key: "label", value: "late" },
          ],
        },
        varve_run: { runId: run.runId, metrics: { error: 0.25 }, seed: 42 },
      },
    });
    expect(complete.run).toEqual({ ...start.run, facets: expect.anything() });
    expect(complete.inputs).toHaveLength(1);
    const [{ namespace, name, facets, inputFacets }] = complete.inputs;
    expect({ namespace, name }).toEqual({ namespace: "file", name: join(folder, "orders") });
    expect(facets).toMatchObject({
      version: { datasetVersion: "1" },
      schema: {
        fields: [
          { name: "id", type: "long", description: "of the order", ordinal_position: 1 },
          { name: "amount", type: "double", ordinal_position: 2 },
          {
            name: "items",
            type: "array",
            fields: [
              { name: "name", type: "string" },
              { name: "price", type: "decimal(9,2)" },
            ],
          },
        ],
      },
      storage: { storageLayer: "delta" },
      dataSource: { name: "Orders", uri: table.uri },
      varve_pin: { pin: run.inputs[0]?.pin, fingerprint: await table.snapshot().fingerprint() },
    });
    expect(inputFacets).toMatchObject({
      inputStatistics: { rowCount: 3, fileCount: 1 },
      dataQualityMetrics: {
        rowCount: 3,
        columnMetrics: {
          id: { nullCount: 0, count: 3, distinctCount: 3, min: 1, max: 3, sum: 6 },
          amount: { nullCount: 1, count: 2, min: -1, max: 5, sum: 4 },
          items: { nullCount: 3, count: 0 },
        },
      },
      dataQualityAssertions: {
        assertions: [
          {
            assertion: "expect_column_values_to_be_between",
            name: "amount:positive",
            column: "amount",
            success: false,
            severity: "error",
          },
          { assertion: "expect_table_row_count_to_be_between", name: "rows", success: true },
        ],
      },
    });
    expect(complete.outputs).toMatchObject([
      {
        namespace: "file",
        name: join(folder, "out.csv"),
        outputFacets: { outputStatistics: { size: 2, fileCount: 1 } },
      },
      { namespace: "file", name: join(folder, "orders"), facets: { version: { datasetVersion: "0" } } },
    ]);
    for (const facet of [...Object.values(facets), ...Object.values(inputFacets)])
      expect(facet).toMatchObject({
        _producer: "pkg:npm/varve@1.2.3",
        _schemaURL: expect.stringMatching(/^https:\/\/openlineage\.io\/spec\//),
      });
  });

  it("of a failed and an aborted run say so, and why", async () => {
    const { folder, run, context } = await recorded();
    for (const [status, ending, text] of [
      ["failed", { exitCode: 3 }, "The command exited with code 3. no output"],
      ["aborted", { signal: "SIGTERM" }, "The command was ended by SIGTERM. no output"],
    ] as const) {
      const file = join(folder, `${status}.jsonl`);
      await sent(context, file, [{ ...run, status, ...ending, problems: ["no output"] }]);
      expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
        eventType: status === "failed" ? "FAIL" : "ABORT",
        run: { facets: { errorMessage: { message: text, programmingLanguage: "unknown" } } },
      });
    }
  });

  it("go to a server's api/v1/lineage in their order, with the key, and again after a failure that may pass", async () => {
    const { run, context } = await recorded();
    const server = await receiver(503, 201);
    const options = { apiKey: "s3cret", namespace: "nightly" };
    expect(await sent(context, server.url, [started(run), run], options)).toEqual([]);
    expect(
      server.requests.map(({ path, headers, body }) => [
        path,
        headers.authorization,
        headers["content-type"],
        JSON.parse(body).eventType,
      ]),
    ).toEqual([
      ["/api/v1/lineage", "Bearer s3cret", "application/json", "START"],
      ["/api/v1/lineage", "Bearer s3cret", "application/json", "START"],
      ["/api/v1/lineage", "Bearer s3cret", "application/json", "COMPLETE"],
    ]);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ job: { namespace: "nightly" } });
  });

  it("that cannot be delivered are warnings, which name no key and nothing that the server says", async () => {
    const { folder, run, context } = await recorded();
    const server = await receiver(400, 307);
    const url = `${server.url.replace("//", "//user:hidden@")}/custom?key=hidden`;
    const warnings = await sent(context, url, [started(run), run], { apiKey: "hidden" });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(
      /is started was not sent to http:\/\/127\.0\.0\.1:\d+\/custom: the server answered 400/,
    );
    expect(warnings[1]).toMatch(/is complete was not sent .* 307/);
    expect(warnings.join()).not.toMatch(/hidden|<b>/);
    expect(server.requests.map(({ path }) => path)).toEqual(["/custom?key=hidden", "/custom?key=hidden"]);
    expect(await sent(context, join(folder, "none", "events.jsonl"), [run])).toEqual([
      expect.stringContaining("ENOENT"),
    ]);
  });

  it("are sent with the names of tables that cannot be read, and a warning", async () => {
    const { folder, run, context } = await recorded();
    const gone = {
      ...run.inputs[0],
      name: "gone",
      table: `file://${folder}/gone`,
      pinUri: `file://${folder}/gone/_pins/p`,
    };
    const file = join(folder, "events.jsonl");
    const warnings = await sent(context, file, [{ ...run, inputs: [gone] as RunRecord["inputs"] }]);
    expect(warnings).toEqual([expect.stringMatching(/say nothing of gone but its name/)]);
    expect(JSON.parse(readFileSync(file, "utf8")).inputs).toEqual([
      { namespace: "file", name: join(folder, "gone"), facets: {}, inputFacets: {} },
    ]);
  });

  it("wait for no server that does not answer", async () => {
    const { run, context } = await recorded();
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    const slept: number[] = [];
    const world = { ...realWorld, sleep: async (milliseconds: number) => void slept.push(milliseconds) };
    const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [warning] = await sent({ ...context, world }, place, [run], { attemptMilliseconds: 50 });
    expect(warning).toMatch(/was not sent to http:\/\/127.0.0.1:\d+: it did not answer within 0.05 seconds/);
    expect(slept).toEqual([]);
  });
});

describe("a receiver of events", () => {
  it.each([
    ["http://example.org/x", "not encrypted"],
    ["http://user:hidden@example.org", "not encrypted"],
    ["https://", "not a URL"],
    ["kafka://broker/topic", "events are sent to"],
    ["file://elsewhere/x", "no file of this machine"],
  ])("%s is refused", (place, why) => {
    expect(() => eventReceiver(place)).toThrow(
      expect.objectContaining({ code: "INVALID_URI", message: expect.stringContaining(why) }),
    );
    expect(() => eventReceiver(place)).not.toThrow(/hidden/);
  });

  it("is a file or a URL; a URL without a path means the API's", () => {
    expect(eventReceiver("./events.jsonl")).toMatchObject({
      kind: "file",
      file: join(process.cwd(), "events.jsonl"),
    });
    expect(eventReceiver("file:///tmp/a%20b")).toMatchObject({ kind: "file", file: "/tmp/a b" });
    expect(String((eventReceiver("https://example.org:5000") as { url: URL }).url)).toBe(
      "https://example.org:5000/api/v1/lineage",
    );
    expect(String((eventReceiver("http://[::1]:5000/x/") as { url: URL }).url)).toBe("http://[::1]:5000/x/");
  });
});

describe("the id of a run in events", () => {
  it("is a UUID: the run's own, or always the same one for its id", () => {
    const uuid = "018f2F6c-0000-7000-8000-0123456789ab";
    expect(eventRunId(uuid)).toBe(uuid.toLowerCase());
    expect(eventRunId("nightly-7")).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(eventRunId("nightly-7")).toBe(eventRunId("nightly-7"));
    expect(eventRunId("nightly-7")).not.toBe(eventRunId("nightly-8"));
  });
});
