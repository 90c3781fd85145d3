import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signatureProblem } from "./s3-signature.ts";

/**
 * The worked examples of "Authenticating Requests: Using the Authorization Header" in the Amazon S3 API
 * Reference.
 */
const key = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
};
const now = Date.UTC(2013, 4, 24);
const credential = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const host = "examplebucket.s3.amazonaws.com";
const emptyHash = createHash("sha256").digest("hex");

describe("signature verification of the test server", () => {
  const getObject = {
    method: "GET",
    target: "/test.txt",
    body: Buffer.alloc(0),
    headers: {
      host,
      range: "bytes=0-9",
      "x-amz-content-sha256": emptyHash,
      "x-amz-date": "20130524T000000Z",
      authorization: `AWS4-HMAC-SHA256 ${credential},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`,
    },
  };
  const putObject = {
    method: "PUT",
    target: "/test%24file.text",
    body: Buffer.from("Welcome to Amazon S3."),
    headers: {
      host,
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      "x-amz-date": "20130524T000000Z",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      authorization: `AWS4-HMAC-SHA256 ${credential},SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd`,
    },
  };
  const listObjects = {
    method: "GET",
    target: "/?max-keys=2&prefix=J",
    body: Buffer.alloc(0),
    headers: {
      host,
      "x-amz-content-sha256": emptyHash,
      "x-amz-date": "20130524T000000Z",
      authorization: `AWS4-HMAC-SHA256 ${credential},SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7`,
    },
  };

  it("accepts the three examples that Amazon publishes", () => {
    for (const request of [getObject, putObject, listObjects])
      expect(signatureProblem(request, key, now)).toBeUndefined();
  });

  it("refuses another secret, target, body, unsigned header, region, key and time", () => {
    const codeOf = (...args: Parameters<typeof signatureProblem>) => signatureProblem(...args)?.code;
    expect(codeOf(getObject, { ...key, secretAccessKey: "other" }, now)).toBe("SignatureDoesNotMatch");
    expect(codeOf({ ...getObject, target: "/other.txt" }, key, now)).toBe("SignatureDoesNotMatch");
    expect(codeOf({ ...getObject, headers: { ...getObject.headers, range: "bytes=0-99" } }, key, now)).toBe(
      "SignatureDoesNotMatch",
    );
    expect(codeOf({ ...putObject, body: Buffer.from("Goodbye") }, key, now)).toBe(
      "XAmzContentSHA256Mismatch",
    );
    expect(
      codeOf({ ...getObject, headers: { ...getObject.headers, "x-amz-acl": "public-read" } }, key, now),
    ).toBe("AccessDenied");
    expect(codeOf(getObject, { ...key, region: "eu-west-1" }, now)).toBe("AuthorizationHeaderMalformed");
    expect(codeOf(getObject, { ...key, accessKeyId: "AKIA" }, now)).toBe("InvalidAccessKeyId");
    expect(codeOf(getObject, key, now + 3_600_000)).toBe("RequestTimeTooSkewed");
    expect(codeOf({ ...getObject, headers: { host } }, key, now)).toBe("AccessDenied");
  });
});
