import { expect, it } from "vitest";
import { realWorld } from "../../src/util/world.ts";

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
