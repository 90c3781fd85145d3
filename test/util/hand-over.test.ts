import { describe, expect, it } from "vitest";
import { VarveError } from "../../src/errors.ts";
import { handOver, undone } from "../../src/util/hand-over.ts";

const work = new VarveError("TRAINING_SET_LEAKS", "Rows leak.", { count: 2 });

describe("failed work", () => {
  it("throws its own error once it was taken back", async () => {
    const done: string[] = [];
    const failure = undone(work, async () => {
      done.push("undo");
    });
    await expect(failure).rejects.toBe(work);
    expect(done).toEqual(["undo"]);
  });

  it("says besides that it could not be taken back", async () => {
    const undo = () => Promise.reject(new Error("the store is gone"));
    await expect(undone(work, undo)).rejects.toMatchObject({
      code: "TRAINING_SET_LEAKS",
      message: "Rows leak. What had been begun could not be taken back: the store is gone",
      data: { count: 2 },
      cause: work,
    });
    const resource = { [Symbol.asyncDispose]: undo };
    await expect(handOver(resource, () => Promise.reject(work))).rejects.toMatchObject({ cause: work });
    await expect(undone(new RangeError("too deep"), undo)).rejects.toMatchObject({
      errors: [new RangeError("too deep"), new Error("the store is gone")],
    });
  });
});
