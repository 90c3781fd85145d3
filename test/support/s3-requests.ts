import { type Bucket, S3Error, type StoredObject } from "./s3-bucket.ts";

/** A request after its body has been read and its signature verified. */
export interface S3Request {
  readonly method: string;
  readonly bucket: string;
  /** Empty for requests on the bucket itself. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

/** An answer before it is written to the socket. */
export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How the server departs from AWS on purpose. */
export interface Behaviour {
  /** `ignore`: If-None-Match on PUT has no effect; `refuse`: it is answered with 501. */
  readonly conditionalPut: "honour" | "ignore" | "refuse";
  /** `ignore`: every GET is answered with the whole object. */
  readonly ranges: "honour" | "ignore";
  /** Most keys a page, whatever the client asks for. */
  readonly pageCap: number;
}

/**
 * Carries out one request in one tick, after the operation pages of the Amazon S3 API Reference. @throws
 * S3Error
 */
export function perform(
  buckets: Map<string, Bucket>,
  request: S3Request,
  behaviour: Behaviour,
  createBucket: () => Bucket,
): S3Answer {
  const { method, query, key } = request;
  if (request.bucket === "") throw unserved(request);
  if (key === "" && method === "PUT") {
    buckets.set(request.bucket, buckets.get(request.bucket) ?? createBucket());
    return empty(200);
  }
  const bucket = buckets.get(request.bucket);
  if (bucket === undefined) throw new S3Error(404, "NoSuchBucket", "The specified bucket does not exist");
  if (key === "") return onBucket(bucket, request, behaviour);
  if (Buffer.byteLength(key) > 1024) throw new S3Error(400, "KeyTooLongError", "Your key is too long");
  if (query.has("uploads") || query.has("uploadId")) return onUpload(bucket, request, behaviour);
  switch (method) {
    case "GET":
    case "HEAD":
      return read(bucket, request, behaviour);
    case "PUT": {
      const source = request.header("x-amz-copy-source");
      if (source !== undefined) return copy(buckets, bucket, request, source);
      const { etag } = bucket.put(key, request.body, conditionOf(request, behaviour));
      return { ...empty(200), headers: { ETag: etag } };
    }
    case "DELETE":
      bucket.delete(key);
      return empty(204);
    default:
      throw unserved(request);
  }
}

/** CopyObject: the bytes of an object of any bucket under another key. */
function copy(
  buckets: ReadonlyMap<string, Bucket>,
  target: Bucket,
  { key }: S3Request,
  source: string,
): S3Answer {
  const [name = "", ...path] = source.replace(/^\//, "").split("/").map(decodeURIComponent);
  const object = buckets.get(name)?.objects.get(path.join("/"));
  if (object === undefined) throw new S3Error(404, "NoSuchKey", "The specified key does not exist.");
  const { etag, modified } = target.put(key, object.bytes, {});
  return xml(
    `<CopyObjectResult><LastModified>${modified.toISOString()}</LastModified><ETag>${escapeXml(etag)}</ETag></CopyObjectResult>`,
  );
}

/** The answer for an error; `HEAD` has no body. */
export function errorAnswer(
  error: S3Error,
  request: { readonly method: string; readonly key: string },
): S3Answer {
  const text = `<Error><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message><Resource>${escapeXml(request.key)}</Resource></Error>`;
  return request.method === "HEAD" ? empty(error.status) : xml(text, error.status);
}

function onBucket(bucket: Bucket, request: S3Request, behaviour: Behaviour): S3Answer {
  if (request.method === "HEAD") return empty(200);
  if (request.method === "GET" && request.query.get("list-type") === "2")
    return list(bucket, request, behaviour);
  if (request.method === "GET" && request.query.has("uploads"))
    return listUploads(bucket, request, behaviour);
  if (request.method === "POST" && request.query.has("delete")) return deleteMany(bucket, request);
  throw unserved(request);
}

function onUpload(bucket: Bucket, request: S3Request, behaviour: Behaviour): S3Answer {
  const { method, key, query, body } = request;
  const id = query.get("uploadId") ?? "";
  if (method === "POST" && query.has("uploads")) {
    const name = `<Bucket>${escapeXml(request.bucket)}</Bucket><Key>${escapeXml(key)}</Key>`;
    return xml(
      `<InitiateMultipartUploadResult>${name}<UploadId>${bucket.beginUpload(key)}</UploadId></InitiateMultipartUploadResult>`,
    );
  }
  if (method === "PUT")
    return {
      ...empty(200),
      headers: { ETag: bucket.putPart(id, key, Number(query.get("partNumber")), body) },
    };
  if (method === "DELETE") {
    bucket.abortUpload(id, key);
    return empty(204);
  }
  if (method !== "POST") throw unserved(request);
  const parts = elements(body.toString(), "Part").map((part) => ({
    number: Number(elements(part, "PartNumber")[0]),
    etag: unescapeXml(elements(part, "ETag")[0] ?? ""),
  }));
  const { etag } = bucket.completeUpload(id, key, parts, conditionOf(request, behaviour));
  const name = `<Bucket>${escapeXml(request.bucket)}</Bucket><Key>${escapeXml(key)}</Key>`;
  return xml(
    `<CompleteMultipartUploadResult>${name}<ETag>${escapeXml(etag)}</ETag></CompleteMultipartUploadResult>`,
  );
}

function read(bucket: Bucket, request: S3Request, behaviour: Behaviour): S3Answer {
  const object = bucket.objects.get(request.key);
  if (object === undefined) throw new S3Error(404, "NoSuchKey", "The specified key does not exist.");
  const ifMatch = request.header("if-match");
  if (ifMatch !== undefined && ifMatch !== object.etag)
    throw new S3Error(412, "PreconditionFailed", "If-Match did not hold");
  const headers = {
    ETag: object.etag,
    "Last-Modified": object.modified.toUTCString(),
    "Accept-Ranges": "bytes",
  };
  if (request.header("if-none-match") === object.etag) return { status: 304, headers, body: Buffer.alloc(0) };
  return ranged(object, behaviour.ranges === "honour" ? request.header("range") : undefined, headers);
}

/** One range as RFC 9110 has it; several ranges or an unknown unit are ignored, as S3 does. */
function ranged(
  object: StoredObject,
  header: string | undefined,
  headers: Readonly<Record<string, string>>,
): S3Answer {
  const size = object.bytes.length;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (
    match === null ||
    (first === "" && last === "") ||
    (first !== "" && last !== "" && Number(last) < Number(first))
  ) {
    return { status: 200, headers, body: object.bytes };
  }
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (start >= size || (first === "" && Number(last) === 0)) {
    throw new S3Error(416, "InvalidRange", "The requested range is not satisfiable");
  }
  return {
    status: 206,
    headers: { ...headers, "Content-Range": `bytes ${start}-${end - 1}/${size}` },
    body: object.bytes.subarray(start, end),
  };
}

function list(bucket: Bucket, { query, bucket: name }: S3Request, behaviour: Behaviour): S3Answer {
  const token = query.get("continuation-token");
  const prefix = query.get("prefix") ?? "";
  const after =
    token === undefined ? (query.get("start-after") ?? "") : Buffer.from(token, "base64url").toString();
  const asked = query.get("max-keys") === undefined ? 1000 : Number(query.get("max-keys"));
  if (!Number.isInteger(asked) || asked < 0)
    throw new S3Error(400, "InvalidArgument", "max-keys is no number");
  const limit = Math.min(asked, behaviour.pageCap);
  const page = bucket.list(prefix, query.get("delimiter") ?? "", after, limit);
  const show = (text: string) => escapeXml(query.get("encoding-type") === "url" ? urlEncode(text) : text);
  const contents = page.objects.map(
    ({ key, object }) =>
      `<Contents><Key>${show(key)}</Key><LastModified>${object.modified.toISOString()}</LastModified><ETag>${escapeXml(object.etag)}</ETag><Size>${object.bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const prefixes = page.commonPrefixes.map(
    (common) => `<CommonPrefixes><Prefix>${show(common)}</Prefix></CommonPrefixes>`,
  );
  const next =
    page.next === undefined
      ? ""
      : `<NextContinuationToken>${Buffer.from(page.next).toString("base64url")}</NextContinuationToken>`;
  const count = contents.length + prefixes.length;
  return xml(
    `<ListBucketResult><Name>${escapeXml(name)}</Name><Prefix>${show(prefix)}</Prefix><KeyCount>${count}</KeyCount><MaxKeys>${limit}</MaxKeys><IsTruncated>${page.next !== undefined}</IsTruncated>${next}${contents.join("")}${prefixes.join("")}</ListBucketResult>`,
  );
}

/** Ordered by key, then by id, of which a page's last one names where the next begins. */
function listUploads(bucket: Bucket, { query }: S3Request, behaviour: Behaviour): S3Answer {
  const prefix = query.get("prefix") ?? "";
  const [keyMarker, idMarker] = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""];
  const show = (text: string) => escapeXml(query.get("encoding-type") === "url" ? urlEncode(text) : text);
  const left = [...bucket.uploads]
    .map(([id, upload]) => ({ id, ...upload }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || (a.id < b.id ? -1 : 1))
    .filter(({ key }) => key.startsWith(prefix))
    .filter(({ key, id }) => {
      const order = Buffer.compare(Buffer.from(key), Buffer.from(keyMarker));
      return order > 0 || (order === 0 && id > idMarker);
    });
  const page = left.slice(0, behaviour.pageCap);
  const shown = page.map(
    ({ id, key, begun }) =>
      `<Upload><Key>${show(key)}</Key><UploadId>${id}</UploadId><Initiated>${begun.toISOString()}</Initiated></Upload>`,
  );
  const last = left.length > page.length ? page.at(-1) : undefined;
  const next =
    last === undefined
      ? ""
      : `<NextKeyMarker>${show(last.key)}</NextKeyMarker><NextUploadIdMarker>${last.id}</NextUploadIdMarker>`;
  return xml(
    `<ListMultipartUploadsResult><IsTruncated>${last !== undefined}</IsTruncated>${next}${shown.join("")}</ListMultipartUploadsResult>`,
  );
}

function deleteMany(bucket: Bucket, request: S3Request): S3Answer {
  const keys = elements(request.body.toString(), "Object").map((object) =>
    unescapeXml(elements(object, "Key")[0] ?? ""),
  );
  if (keys.length === 0 || keys.length > 1000)
    throw new S3Error(400, "MalformedXML", "The XML you provided was not well-formed");
  for (const key of keys) bucket.delete(key);
  return xml(
    `<DeleteResult>${keys.map((key) => `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`).join("")}</DeleteResult>`,
  );
}

function conditionOf(
  request: S3Request,
  behaviour: Behaviour,
): { ifNoneMatch: string | undefined; ifMatch: string | undefined } {
  const ifNoneMatch = request.header("if-none-match");
  if (ifNoneMatch !== undefined && behaviour.conditionalPut === "refuse") {
    throw new S3Error(
      501,
      "NotImplemented",
      "A header you provided implies functionality that is not implemented",
    );
  }
  return {
    ifNoneMatch: behaviour.conditionalPut === "ignore" ? undefined : ifNoneMatch,
    ifMatch: request.header("if-match"),
  };
}

function unserved(request: S3Request): S3Error {
  return new S3Error(
    501,
    "NotImplemented",
    `${request.method} with ${[...request.query.keys()].join(", ") || "no query"} is not served here`,
  );
}

function empty(status: number): S3Answer {
  return { status, headers: {}, body: Buffer.alloc(0) };
}

function xml(inner: string, status = 200): S3Answer {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${inner}`;
  return { status, headers: { "Content-Type": "application/xml" }, body: Buffer.from(text) };
}

/** Form encoding with slashes kept, as S3 answers `encoding-type=url`. */
function urlEncode(text: string): string {
  return encodeURIComponent(text).replaceAll("%20", "+").replaceAll("%2F", "/");
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function unescapeXml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#34;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}

function elements(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, "g"))].map(
    (match) => match[1] ?? "",
  );
}
