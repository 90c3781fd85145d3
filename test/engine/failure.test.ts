import { describe, expect, it } from "vitest";
import { engineFailure } from "../../src/engine/core/failure.ts";

const complaint = (exception_type: string, exception_message: string) =>
  new Error(JSON.stringify({ exception_type, exception_message }));

describe("a failure of the engine", () => {
  it.each([
    ["Invalid", "Variable-length int over 10 bytes."],
    ["Invalid", "TProtocolException: Invalid data"],
    ["Invalid", "MaxMessageSize reached"],
    ["IO", 'Failed to read file "t/a.parquet": ZSTD Decompression failure'],
  ])("in damaged Parquet is about the file: %s, %s", (kind, message) => {
    expect(engineFailure(complaint(kind, message))).toMatchObject({
      code: "DATA_FILE_CORRUPT",
      message: expect.stringMatching(/Find it with varve fsck|the Parquet file t\/a\.parquet/),
    });
  });

  it.each([
    ["Invalid Input", "Variable-length int over 10 bytes.", "SQL_FAILED"],
    ["Binder", "Invalid data", "SQL_FAILED"],
    ["IO", "Cannot write: No space left on device", "STORE_FULL"],
    ["IO", 'Cannot open file "/a/b": Permission denied', "STORE_FORBIDDEN"],
    ["Out of Memory", "failed to allocate data of size 1 MiB (1/1 used)", "MEMORY_LIMIT_TOO_SMALL"],
  ])("is told by what it is about: %s, %s", (kind, message, code) => {
    expect(engineFailure(complaint(kind, message)).code).toBe(code);
  });
});
