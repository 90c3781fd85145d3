import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { matchesAsciiOnly } from "../../src/quality/model/ascii-pattern.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import fc from "../support/fast-check.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: Session;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
});

afterAll(() => session.close());

describe("a pattern of ASCII texts alone", () => {
  it("is told where it is plain to see", () => {
    const plain = [
      "^order [0-9a-f]+$",
      "^[A-Z]{2}\\d{1,3}$",
      "^(a|b)*$",
      "^(?:x\\.y)?$",
      "^[\\w.-]+$",
      "^$",
      "^\\$$",
      "^[ -~]*?$",
    ];
    expect(plain.filter((pattern) => !matchesAsciiOnly(pattern))).toEqual([]);
  });

  it("is not told of what matches other characters, or a part of a text", () => {
    const others = [
      "order",
      "^order",
      "order$",
      "^a|b$",
      "^.$",
      "^[^a]$",
      "^\\D$",
      "^\\W+$",
      "^\\S$",
      "^\\pL$",
      "^\\x{e9}$",
      "^é$",
      "^[a-é]$",
      "^(?i)k$",
      "^(?i:k)$",
      "^[[:word:]]$",
      "^a\\$",
      "^(a$",
      "^a)$",
      "^\\C$",
      "^[a&&[^b]]$",
    ];
    expect(others.filter(matchesAsciiOnly)).toEqual([]);
  });

  it("matches no text with another character in the engine, whatever the pattern", async () => {
    const part = fc.constantFrom(
      "a",
      "k",
      ".",
      "[a-c]",
      "[^a]",
      "\\d",
      "\\w",
      "\\s",
      "\\S",
      "\\.",
      "é",
      "*",
      "+",
      "?",
      "{2}",
      "|",
      "(",
      "(?:",
      "(?i)",
      ")",
      "$",
      "^",
      "[é-ü]",
      "-",
    );
    let told = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async (parts) => {
        const pattern = `^${parts.join("")}$`;
        if (!matchesAsciiOnly(pattern)) return;
        told++;
        const texts = ["é", "aé", "éa", "\u212a", "ü\na", "a\né", " é", "ké.", "é1"].map(
          (text) => `(${quoteText(text)})`,
        );
        // what the engine does not take for a pattern is refused where a check is defined
        const rows = await session
          .rows(
            unchecked(
              `SELECT count_if(regexp_matches(t, ${quoteText(pattern)})) AS n FROM (VALUES ${texts.join(", ")}) AS v(t)`,
            ),
          )
          .catch(() => [{ n: 0 }]);
        expect({ pattern, matched: Number(rows[0]?.["n"]) }).toEqual({ pattern, matched: 0 });
      }),
      { numRuns: 1500 },
    );
    expect(told).toBeGreaterThan(100);
  });
});
