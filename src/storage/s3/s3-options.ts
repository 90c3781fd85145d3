/** How to reach an S3-compatible store; everything has a default that suits AWS. */
export interface S3Options {
  /**
   * URL of an S3-compatible server, for example `https://minio.example:9000`; default: AWS, or the SDK's own
   * configuration.
   */
  readonly endpoint?: string | undefined;
  /**
   * Default: the SDK's chain (environment, profile); `us-east-1` when an `endpoint` is given, whatever the
   * environment says.
   */
  readonly region?: string | undefined;
  /** Buckets in the path instead of the host name; default: true when an `endpoint` is given. */
  readonly pathStyle?: boolean | undefined;
  /**
   * Default: the SDK's chain (environment, profile, single sign-on, container, instance). `"anonymous"` sends
   * unsigned requests.
   */
  readonly credentials?: S3Credentials | "anonymous" | undefined;
  /** Agrees to pay for requests and transfer of buckets that ask for it. */
  readonly requesterPays?: boolean | undefined;
  /** Attempts and waiting for everything but `putIfAbsent`, which is attempted once a call. */
  readonly retry?: RetryOptions | undefined;
  /** A connection on which nothing moves for so long is given up; default 30,000. */
  readonly idleTimeoutMilliseconds?: number | undefined;
  /** Files of more bytes are uploaded in parts of this size, at least 5 MiB; default 16 MiB. */
  readonly partBytes?: number | undefined;
  /** Parts of one file under way at a time; default 4. */
  readonly uploadConcurrency?: number | undefined;
  /** Objects a page of a listing, at most 1000, the default. */
  readonly pageSize?: number | undefined;
}

/** An access key; never shown in messages, errors or logs. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What to change of the {@link RetryPolicy}. */
export interface RetryOptions {
  readonly attempts?: number | undefined;
  readonly baseMilliseconds?: number | undefined;
  readonly capMilliseconds?: number | undefined;
}

/**
 * Exponential backoff with full jitter: before attempt n a random time up to `min(cap, base * 2^n)`, tenfold
 * `base` when throttled.
 */
export interface RetryPolicy {
  /** Attempts in all; default 8. */
  readonly attempts: number;
  /** Default 50. */
  readonly baseMilliseconds: number;
  /** Default 10,000. */
  readonly capMilliseconds: number;
}
