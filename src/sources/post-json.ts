import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { World } from "../util/world.ts";
import { networkFailure, statusFailure } from "./http-failure.ts";

const attempts = 3;
const firstPause = 250;
const usualAttempt = 5_000;

/** A JSON text for a server. */
export interface JsonPost {
  readonly url: URL;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** How a text is sent. */
export interface PostOptions {
  readonly world: World;
  /** Milliseconds after which an attempt is given up; default 5,000. */
  readonly attemptMilliseconds?: number | undefined;
}

/**
 * Sends a JSON text, and repeats it twice after failures that may pass. Redirects are not followed, and nothing that
 * the server says is read.
 *
 * @throws `HttpFailure`
 */
export async function postJson(
  post: JsonPost,
  { world, attemptMilliseconds = usualAttempt }: PostOptions,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(post, attemptMilliseconds);
    } catch (error) {
      const failure = networkFailure(error);
      // Who does not answer once is not waited for again.
      const isSilent = failure?.details.code === "ETIMEDOUT";
      if (failure?.details.passing !== true || isSilent || attempt === attempts) throw failure ?? error;
      await world.sleep(firstPause * 2 ** (attempt - 1));
    }
  }
}

function send({ url, text, headers = {} }: JsonPost, milliseconds: number): Promise<void> {
  const body = Buffer.from(text);
  const all = {
    "content-type": "application/json",
    "content-length": body.length,
    "user-agent": "varve",
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? requestHttps : requestHttp;
    const sent = request(url, { method: "POST", headers: all, agent: false }, (answer) => {
      const { statusCode: status = 0 } = answer;
      answer.destroy();
      if (status >= 200 && status < 300) resolve();
      else reject(statusFailure(status, answer.headers["retry-after"]));
    });
    const timer = setTimeout(() => sent.destroy(silence(milliseconds)), milliseconds);
    sent.on("close", () => clearTimeout(timer));
    sent.on("error", reject);
    sent.end(body);
  });
}

function silence(milliseconds: number): Error {
  const message = `it did not answer within ${milliseconds / 1000} seconds`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}
