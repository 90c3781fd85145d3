import { startS3Server } from "../../test/support/s3-server.ts";

/**
 * A line to the parent process: how to reach the server, then what was asked of it since the last question.
 */
export interface ServerMessage {
  readonly options?: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { accessKeyId: string; secretAccessKey: string };
  };
  readonly requests?: Readonly<Record<string, number>>;
}

/**
 * The test server in a process of its own, so that it does not share a core's thread with what is measured.
 */
const server = await startS3Server({ latencyMilliseconds: Number(process.argv[2] ?? 0) });
process.send?.({ options: server.options } satisfies ServerMessage);

/** Any message from the parent asks for the counts, by kind of request, and starts them anew. */
process.on("message", () => {
  const requests: Record<string, number> = {};
  for (const { method, key, query } of server.log.splice(0)) {
    const kind =
      "list-type" in query
        ? "LIST"
        : method === "PUT" && /_delta_log\/\d{20}\.json$/.test(key)
          ? "PUT commit"
          : method;
    requests[kind] = (requests[kind] ?? 0) + 1;
  }
  process.send?.({ requests } satisfies ServerMessage);
});
process.on("disconnect", () => process.exit(0));
