import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-fingerprint-"));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  writeFileSync(at("may.csv"), "id,customer\n1,acme\n2,bolt\n");
  writeFileSync(at("other.csv"), "customer,id\nbolt,2\nacme,10\n");
  await varve("create", at("orders"), "--from", at("may.csv"));
  await varve("create", at("others"), "--from", at("may.csv"));
  await varve("overwrite", at("others"), at("other.csv"));
});

describe("varve fingerprint and varve verify", () => {
  it("print a fingerprint by itself, which verify takes", async () => {
    const state = await varve("fingerprint", at("orders"));
    expect(state).toMatchObject({ code: 0, stdout: expect.stringMatching(/^varve-state-1:[0-9a-f]{64}\n$/) });
    const content = await varve("fingerprint", at("orders"), "--content");
    expect(content.stdout).toMatch(/^varve-content-1:[0-9a-f]{64}\n$/);
    for (const { stdout } of [state, content])
      expect(await varve("verify", at("orders"), "--against", stdout.trim())).toMatchObject({ code: 0 });
    expect((await varve("fingerprint", `${at("others")}@v0`, "--content")).stdout).toBe(content.stdout);
  });

  it("end with 1 where nothing was recorded or rows differ, and list those", async () => {
    const unrecorded = await varve("verify", at("others"));
    expect(unrecorded).toMatchObject({ code: 1, stdout: expect.stringContaining("nothing was recorded") });
    await varve("fingerprint", at("others"), "--record");
    expect(await varve("verify", at("others"))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^version 1: the rows are the same \(2 rows; 1 file read, 1 of them recorded\)\n/,
      ),
    });
    const different = await varve("verify", at("orders"), "--against", at("others"));
    expect(different.code).toBe(1);
    expect(different.stdout).toContain(
      '  1 row only here, 1 only there\n  + {"id":1,"customer":"acme"}\n  - {"id":10,"customer":"acme"}\n',
    );
    const json = await varve("verify", at("orders"), "--against", at("others"), "--limit", "1", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      outcome: "different",
      differing: { onlyHere: 1, onlyThere: 1, examples: [{ side: "here", row: { id: 1 } }] },
    });
  });
});
