import { expect, it } from "vitest";
import { realWorld, timeOrderedUuid } from "../../src/util/world.ts";

it("sleeps for as long as a timer can, if told to sleep longer", async () => {
  const stop = new AbortController();
  let awake = false;
  const slept = realWorld.sleep(2 ** 31, stop.signal).then(
    () => {
      awake = true;
    },
    () => undefined,
  );
  await realWorld.sleep(50);
  stop.abort();
  await slept;
  expect(awake).toBe(false);
});

it("makes ids that sort by their time, with the random part of the world's own", () => {
  const uuid = () => "01234567-89ab-4cde-8f01-23456789abcd";
  const idAt = (now: number) => timeOrderedUuid({ ...realWorld, uuid, now: () => now });
  expect(idAt(0)).toBe("00000000-0000-7cde-8f01-23456789abcd");
  expect(idAt(Date.UTC(2026, 10, 29) + 0.5)).toBe("01a22499-f800-7cde-8f01-23456789abcd");
  expect(() => timeOrderedUuid({ ...realWorld, uuid: () => "u" })).toThrow('"u"');
  const ids = Array.from({ length: 50 }, (_, now) => timeOrderedUuid({ ...realWorld, now: () => now * 1e9 }));
  expect([...ids].sort()).toEqual(ids);
  expect(ids[9]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
