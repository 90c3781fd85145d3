/** How to connect to an S3-compatible store; the defaults are for AWS. */
export interface S3Options {
  /**
   * URL of an S3-compatible server, for example `https://minio.example:9000`; default: AWS, or the SDK's own
   * configuration.
   */
  readonly endpoint?: string | undefined;
  /**
   * Default: the SDK's chain (environment, profile); if an `endpoint` is given, `us-east-1`, whatever the
   * environment says.
   */
  readonly region?: string | undefined;
  /** Put the bucket in the path instead of the host name; default: true if an `endpoint` is given. */
  readonly pathStyle?: boolean | undefined;
  /**
   * Default: the SDK's chain (environment, profile, single sign-on, container, instance). `"anonymous"` sends
   * unsigned requests.
   */
  readonly credentials?: S3Credentials | "anonymous" | undefined;
  /** Agree to pay for requests and transfer, which some buckets require. */
  readonly requesterPays?: boolean | undefined;
  /** Retries of all requests except `putIfAbsent`, which is attempted once per call. */
  readonly retry?: RetryOptions | undefined;
  /** Milliseconds after which an idle connection is given up; default 30,000. */
  readonly idleTimeoutMilliseconds?: number | undefined;
  /** Files with more bytes than this are uploaded in parts of this size, at least 5 MiB; default 16 MiB. */
  readonly partBytes?: number | undefined;
  /** Concurrent uploads of parts of one file; default 4. */
  readonly uploadConcurrency?: number | undefined;
  /** Objects per page of a listing; default 1000, which is also the maximum. */
  readonly pageSize?: number | undefined;
}

/** An access key; never shown in messages, errors or logs. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Overrides of the default {@link RetryPolicy}. */
export interface RetryOptions {
  readonly attempts?: number | undefined;
  readonly baseMilliseconds?: number | undefined;
  readonly capMilliseconds?: number | undefined;
}

/**
 * Exponential backoff with full jitter: before attempt n, a random time up to `min(cap, base * 2^n)`, with
 * ten times `base` when throttled.
 */
export interface RetryPolicy {
  /** Total number of attempts; default 8. */
  readonly attempts: number;
  /** Default 50. */
  readonly baseMilliseconds: number;
  /** Default 10,000. */
  readonly capMilliseconds: number;
}
