import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../src/util/json.ts";
import { peerPython } from "./python.ts";

const DRIVER = join(import.meta.dirname, "peer", "driver.py");

/** The independent implementations that read and write beside varve. */
export type PeerName = "spark" | "deltalake";

/** Rows in the lossless JSON encoding, in no order. */
export interface PeerRows {
  readonly columns: readonly string[];
  readonly rows: readonly JsonObject[];
}

/** A failure inside a peer: `type` is the Python class of the error. */
export class PeerError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(`${type}: ${message}`);
    this.type = type;
  }
}

interface Waiting {
  readonly resolve: (value: JsonValue) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One Python process that answers commands of both peers, one after the other; it ends when its standard
 * input does.
 */
export class PeerProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  #errorText = "";
  #lastId = 0;

  constructor() {
    const { python, sparkCache } = peerPython();
    this.#child = spawn(python, [DRIVER], {
      env: { ...process.env, VARVE_SPARK_CACHE: sparkCache, PYTHONUNBUFFERED: "1" },
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#settle(line));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errorText = (this.#errorText + text).slice(-8000);
    });
    this.#child.on("error", (error) => this.#fail(`${python} could not be started: ${error.message}`));
    this.#child.on("exit", (code, signal) =>
      this.#fail(`the peers' process ended (${signal ?? code}): ${this.#errorText}`),
    );
  }

  /**
   * Calls a method of peer/spark_peer.py or peer/deltalake_peer.py by name. @throws PeerError with the Python
   * error.
   */
  async call(
    peer: PeerName,
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<JsonValue> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, peer, command, arguments: args })}\n`);
    });
  }

  /** A call whose answer is rows. */
  async rows(peer: PeerName, command: string, args: Readonly<Record<string, unknown>>): Promise<PeerRows> {
    const answer = await this.call(peer, command, args);
    if (!isJsonObject(answer)) throw new TypeError(`${peer}.${command} did not answer rows`);
    const { columns, rows } = answer;
    if (!Array.isArray(columns) || !Array.isArray(rows))
      throw new TypeError(`${peer}.${command} did not answer rows`);
    return { columns: columns.map(String), rows: rows.filter(isJsonObject) };
  }

  /** Every row of a table, of the latest version or of the one that is named. */
  read(peer: PeerName, path: string, version?: number): Promise<PeerRows> {
    return this.rows(peer, "read", version === undefined ? { path } : { path, version });
  }

  /** Runs Spark SQL in which `{table}` stands for the table; answers the last statement's rows. */
  sql(path: string, ...statements: string[]): Promise<PeerRows> {
    return this.rows("spark", "sql", { path, statements });
  }

  /** Lets the process finish. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.stdin.end();
    await ended;
  }

  #settle(line: string): void {
    const reply = parseJson(line);
    if (!isJsonObject(reply) || typeof reply["id"] !== "number")
      throw new TypeError(`the peers' process said ${line}`);
    const waiting = this.#waiting.get(reply["id"]);
    this.#waiting.delete(reply["id"]);
    const error = reply["error"];
    if (isJsonObject(error)) waiting?.reject(new PeerError(String(error["type"]), String(error["message"])));
    else waiting?.resolve(reply["result"] ?? null);
  }

  #fail(reason: string): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(reason));
    this.#waiting.clear();
  }
}

// Kept on the global object: modules may be loaded once for each test file.
const holder = globalThis as { varveInteropPeers?: PeerProcess };

/** The one process that all test files of a run share: starting Spark takes longer than most tests. */
export function sharedPeers(): PeerProcess {
  holder.varveInteropPeers ??= new PeerProcess();
  return holder.varveInteropPeers;
}
