import { appendFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createTable, schema } from "../../src/index.ts";
import { readAlertEvents, recordAlertEvents } from "../../src/monitors/alerts/alerts-store.ts";
import { type SettleOptions, settleAlerts } from "../../src/monitors/notify/settle-alerts.ts";
import type { MonitoredTable } from "../../src/monitors/stores/drift-store.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { addResults, monitorWith } from "./some-results.ts";

interface Received {
  readonly key: string | undefined;
  readonly url: string;
  readonly body: Readonly<Record<string, unknown>>;
}

type Answer = (response: ServerResponse, count: number) => void;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A receiver of webhooks on loopback. */
async function receiver(answer: Answer = (response) => void response.end()) {
  const received: Received[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    request.on("end", () => {
      const key = request.headers["idempotency-key"]?.toString();
      received.push({ key, url: request.url ?? "", body: JSON.parse(text) as Received["body"] });
      answer(response, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=s3cret` };
}

/** A table whose monitor saw drift of `age` in two versions. */
async function drifted() {
  const folder = freshFolder();
  const table = await createTable(join(folder, "orders"), { schema: schema().long("id") });
  const { context, metadata } = table.snapshot().log;
  const monitored: MonitoredTable = { context, metadata };
  await addResults(monitored, 1, { age: 0.2, town: 0 });
  await addResults(monitored, 2, { age: 0.2, town: 0 });
  const settle = (notify: readonly object[], options: SettleOptions = {}) =>
    settleAlerts(monitored, monitorWith({ notify }), options);
  return { folder: join(folder, "orders"), monitored, settle };
}

const status =
  (code: number): Answer =>
  (response) =>
    void response.writeHead(code).end("token=s3cret");

describe("a webhook", () => {
  it("gets one message when an alert fires and one when it is resolved, with an id of their own", async () => {
    const { received, url } = await receiver();
    const { monitored, settle } = await drifted();
    const { deliveries, transitions } = await settle([{ webhook: url }]);
    expect(transitions.map(({ to, version }) => `${to}@${version}`)).toEqual(["pending@1", "firing@2"]);
    expect(deliveries).toMatchObject([{ outcome: "sent", reason: null }]);
    expect(received).toMatchObject([
      {
        url: "/hook?token=s3cret",
        body: { monitor: "inputs", firing: 1, alerts: [{ column: "age", status: "firing" }] },
      },
    ]);
    expect((await settle([{ webhook: url }])).deliveries).toEqual([]);
    await addResults(monitored, 3, { age: 0, town: 0 });
    await addResults(monitored, 4, { age: 0, town: 0 });
    await settle([{ webhook: url }]);
    expect(received[1]?.body).toMatchObject({ firing: 0, alerts: [{ column: "age", status: "resolved" }] });
    expect(new Set(received.map(({ key }) => key)).size).toBe(2);
    expect(received.every(({ key, body }) => key === body["id"])).toBe(true);
  });

  it("that fails is tried again in the run and by the next one, with the same id and text", async () => {
    let isDown = true;
    const { received, url } = await receiver((response, count) =>
      status(isDown ? (count === 1 ? 503 : 404) : 204)(response, count),
    );
    const { settle } = await drifted();
    const { deliveries } = await settle([{ webhook: url }]);
    expect(deliveries).toMatchObject([{ outcome: "failed", reason: "the server answered 404 (Not Found)" }]);
    expect(received).toHaveLength(2);
    isDown = false;
    expect((await settle([{ webhook: url }])).deliveries).toMatchObject([{ outcome: "sent" }]);
    expect(new Set(received.map(({ key, body }) => JSON.stringify([key, body]))).size).toBe(1);
    expect((await settle([{ webhook: url }])).deliveries).toEqual([]);
    expect(received).toHaveLength(3);
  });

  it("that does not answer is given up in its time", async () => {
    const { url } = await receiver(() => undefined);
    const { settle } = await drifted();
    const { deliveries } = await settle([{ webhook: url }], { attemptMilliseconds: 100 });
    expect(deliveries).toMatchObject([{ outcome: "failed", reason: "it did not answer in time" }]);
  });

  it("is found in the environment, and neither it nor what it says is recorded or shown", async () => {
    const { received, url } = await receiver(status(500));
    const { monitored, settle } = await drifted();
    const notify = [{ webhook: "env:ALERT_URL" }, { webhook: url }];
    const unset = await settle(notify, { variables: {} });
    expect(unset.deliveries[0]).toMatchObject({
      target: "webhook env:ALERT_URL",
      reason: "the variable ALERT_URL is not set; set it where monitors run",
    });
    const wrong = await settle(notify, { variables: { ALERT_URL: "http://example.com/s3cret" } });
    expect(wrong.deliveries[0]?.reason).toBe(
      "the variable ALERT_URL holds neither an https address nor one of this machine",
    );
    const { deliveries } = await settle(notify, { variables: { ALERT_URL: url } });
    expect(deliveries.map(({ reason }) => reason)).toEqual(
      Array(2).fill("the server answered 500 (Internal Server Error)"),
    );
    expect(received.length).toBeGreaterThan(0);
    const events = await readAlertEvents(monitored);
    expect(events.filter(({ event }) => event === "failed").length).toBe(6);
    expect(JSON.stringify([unset, wrong, deliveries, events])).not.toMatch(/s3cret|token=|\/hook/);
  });

  it("is not asked twice by runs at the same time", async () => {
    const { received, url } = await receiver((response) => void setTimeout(() => response.end(), 150));
    const { settle } = await drifted();
    const all = await Promise.all([1, 2, 3, 4].map(() => settle([{ webhook: url }])));
    expect(received).toHaveLength(1);
    expect(all.flatMap(({ transitions }) => transitions)).toHaveLength(2);
    expect(
      all.flatMap(({ deliveries }) => deliveries).filter(({ outcome }) => outcome === "sent"),
    ).toHaveLength(1);
  });

  it("keeps no other target waiting", async () => {
    const { url } = await receiver(status(403));
    const { folder, settle } = await drifted();
    const { deliveries } = await settle([{ webhook: url }, { file: "sent.jsonl" }]);
    expect(deliveries.map(({ outcome }) => outcome)).toEqual(["failed", "sent"]);
    expect(readFileSync(join(folder, "_drift/sent.jsonl"), "utf8")).toContain('"age"');
  });
});

describe("a file of messages", () => {
  it("gets a line for each message, below the table", async () => {
    const { folder, monitored, settle } = await drifted();
    await settle([{ file: "sent/alerts.jsonl" }]);
    // A process that was killed left half a line.
    appendFileSync(join(folder, "_drift/sent/alerts.jsonl"), '{"half');
    await addResults(monitored, 3, { age: 0, town: "broken" });
    await settle([{ file: "sent/alerts.jsonl" }]);
    const lines = readFileSync(join(folder, "_drift/sent/alerts.jsonl"), "utf8").split("\n");
    expect(lines).toHaveLength(4);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ alerts: [{ column: "age" }] });
    expect(JSON.parse(lines[2] ?? "")).toMatchObject({
      alerts: [{ column: "town", rule: "broken", severity: "critical" }],
    });
  });

  it("lies nowhere else, unless the environment says so", async () => {
    const { folder, settle } = await drifted();
    const outside = join(folder, "elsewhere.jsonl");
    for (const file of ["../x.jsonl", "a/../../x.jsonl", outside])
      await expect(async () => settle([{ file }])).rejects.toMatchObject({
        code: "MONITOR_INVALID",
        message: expect.stringContaining("env:NAME") as string,
      });
    for (const file of ["results/x.jsonl", "alerts/x", "."]) {
      const [delivery] = (await settle([{ file }])).deliveries;
      expect({ file, reason: delivery?.reason }).toMatchObject({
        reason: expect.stringContaining("env:NAME") as string,
      });
    }
    // The message that could not be written there comes here.
    const { deliveries } = await settle([{ file: "env:ALERTS" }], { variables: { ALERTS: outside } });
    expect(deliveries).toMatchObject([{ outcome: "sent" }]);
    expect(readFileSync(outside, "utf8")).toContain('"age"');
  });
});

describe("a file of messages below a table", () => {
  it("is reached by no link, and is no folder", async () => {
    const { folder, settle } = await drifted();
    const outside = join(folder, "../profile");
    writeFileSync(outside, "as it was\n");
    mkdirSync(join(folder, "../elsewhere"));
    symlinkSync(outside, join(folder, "_drift/file.jsonl"));
    symlinkSync(join(folder, "../elsewhere"), join(folder, "_drift/sent"));
    mkdirSync(join(folder, "_drift/folder"));
    for (const [file, reason] of [
      ["file.jsonl", "link"],
      ["sent/alerts.jsonl", "link"],
      ["sent/deeper/alerts.jsonl", "link"],
      ["folder", "EISDIR"],
    ] as const) {
      const [delivery] = (await settle([{ file }])).deliveries;
      expect({ file, ...delivery }).toMatchObject({
        outcome: "failed",
        reason: expect.stringContaining(reason) as string,
      });
    }
    expect(readFileSync(outside, "utf8")).toBe("as it was\n");
    expect(readdirSync(join(folder, "../elsewhere"))).toEqual([]);
  });
});

describe("slow receivers", () => {
  it("get no message that another run may have claimed by then: it waits for the next run", async () => {
    const { monitored } = await drifted();
    let elapsed = 0;
    // Each answer takes 40 seconds by the table's clock.
    const { received, url } = await receiver((response) => {
      elapsed += 40_000;
      response.end();
    });
    const { context } = monitored;
    const world = { ...context.world, now: () => context.world.now() + elapsed };
    const table = { ...monitored, context: { ...context, world } };
    const definition = monitorWith({
      notify: ["a", "b", "c"].map((name) => ({ webhook: `${url}&to=${name}` })),
    });
    const { deliveries } = await settleAlerts(table, definition);
    expect(deliveries.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "waiting"]);
    const next = await settleAlerts(table, definition);
    expect(next.deliveries.map(({ outcome }) => outcome)).toEqual(["sent"]);
    expect(received).toHaveLength(3);
  });

  it("are not kept from messages for long by a claim that a wrong clock made", async () => {
    const { monitored, settle } = await drifted();
    const { received, url } = await receiver(status(403));
    const message = (await settle([{ webhook: url }])).deliveries[0];
    await recordAlertEvents(monitored, () => [
      {
        event: "sending",
        monitor: "inputs",
        message: message?.message ?? "",
        target: message?.target ?? "",
        run: "r",
        until: Date.now() + 86_400_000,
      },
    ]);
    await settle([{ webhook: url }]);
    expect(received).toHaveLength(2);
  });
});

describe("a command", () => {
  const script = (folder: string, text: string) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "notify.mjs");
    writeFileSync(file, text);
    return file;
  };

  it("gets the message on its standard input, without a shell, if the environment allows it", async () => {
    const { folder, settle } = await drifted();
    const text = `import { readFileSync, writeFileSync } from "node:fs"; writeFileSync(process.argv[2], readFileSync(0, "utf8"));`;
    const [file, out] = [script(join(folder, "../bin"), text), join(folder, "../out $(touch x).json")];
    const notify = [{ command: [process.execPath, file, out] }];
    const refused = await settle(notify, { variables: {} });
    expect(refused.deliveries[0]?.reason).toBe(
      "it is not allowed to run; add it to VARVE_ALERT_COMMANDS where monitors run",
    );
    const { deliveries } = await settle(notify, {
      variables: { VARVE_ALERT_COMMANDS: `/bin/no:${process.execPath}` },
    });
    expect(deliveries).toMatchObject([{ outcome: "sent" }]);
    expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject({ alerts: [{ column: "age" }] });
  });

  it("that fails, cannot start or does not end is reported", async () => {
    const { folder, settle } = await drifted();
    const file = script(
      join(folder, "../bin"),
      `if (process.argv[2] === "wait") setTimeout(() => {}, 60_000); else process.exitCode = 7;`,
    );
    const notify = [
      { command: [process.execPath, file, "fail"] },
      { command: [process.execPath, file, "wait"] },
      { command: ["/no/such/program"] },
    ];
    const variables = { VARVE_ALERT_COMMANDS: `/no/such/program:${process.execPath}` };
    const { deliveries } = await settle(notify, { variables, commandMilliseconds: 300 });
    expect(deliveries.map(({ reason }) => reason)).toEqual([
      "it ended with exit code 7",
      "it did not end within 0.3 seconds",
      "it cannot be started (ENOENT)",
    ]);
  });
});
