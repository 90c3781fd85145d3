import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { canonicalUri, childUri, openStore } from "../../src/storage/open-store.ts";

describe("openStore", () => {
  it("takes plain paths as they are and file URIs percent-decoded", async () => {
    expect((await openStore("data/a%20b")).uri).toBe(pathToFileURL(resolve("data/a%20b")).href);
    expect((await openStore("file:///data/a%20b")).uri).toBe("file:///data/a%20b");
    expect((await openStore("file:/data/x/")).uri).toBe("file:///data/x");
    expect((await openStore("c:odd")).uri).toBe(pathToFileURL(resolve("c:odd")).href);
  });

  it("gives everyone in the process the same memory", async () => {
    await (await openStore("memory://shared/table")).put("x", new Uint8Array([1]));
    expect(await (await openStore("memory://shared/table/")).get("x")).toEqual(new Uint8Array([1]));
    expect(await (await openStore("memory://shared")).head("table/x")).toMatchObject({ size: 1 });
    expect(await (await openStore("memory://other/table")).head("x")).toBeUndefined();
  });

  it("refuses what it does not know, without repeating credentials", async () => {
    for (const uri of ["gs://bucket/x", "https://user:hunter2@host/x", "memory://", "", "file://host/x"]) {
      await expect(openStore(uri), uri).rejects.toMatchObject({ code: "INVALID_URI" });
    }
    await expect(openStore("https://user:hunter2@host/x")).rejects.not.toThrowError(/hunter2/);
  });

  it("takes an own scheme without its two slashes for a slip, not for a folder", async () => {
    for (const uri of ["s3:/bucket/orders", "s3:bucket/orders", "S3A:/bucket/orders", "memory:orders"]) {
      await expect(openStore(uri), uri).rejects.toMatchObject({
        code: "INVALID_URI",
        message: expect.stringContaining("two slashes must follow"),
      });
      expect(() => canonicalUri(uri)).toThrow(/two slashes must follow/);
    }
    expect((await openStore("./s3:orders")).uri).toBe(pathToFileURL(resolve("s3:orders")).href);
  });

  it("names children and canonical roots", () => {
    expect(childUri("file:///data/t%20x/", "_quarantine")).toBe("file:///data/t%20x/_quarantine");
    expect(childUri("file:///data", "a b/c%")).toBe("file:///data/a%20b/c%25");
    expect(childUri("s3://bucket/t", "a b")).toBe("s3://bucket/t/a b");
    expect(childUri("data/t", "_quarantine")).toBe("data/t/_quarantine");
    expect(canonicalUri("/data//t/")).toBe("file:///data/t");
    expect(canonicalUri("file:/data/t/")).toBe("file:///data/t");
    expect(canonicalUri("s3a://bucket/t/")).toBe("s3://bucket/t");
  });
});
