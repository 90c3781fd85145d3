import { EventEmitter, once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Turn, TurnQueue } from "../../src/engine/core/turns.ts";

/** Lets everything that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** No turn is lost because the machine is slow. */
const stopTimers = () => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });

afterEach(() => vi.useRealTimers());

/** Work that lasts until `end` is called. */
function lasting(turn: Turn): { readonly end: () => void; readonly done: Promise<unknown> } {
  const gate = new EventEmitter();
  const work = once(gate, "end");
  return { end: () => gate.emit("end"), done: turn.use(() => work) };
}

describe("a queue of turns", () => {
  it("admits as many as its limit, the others in the order in which they came", async () => {
    stopTimers();
    const queue = new TurnQueue({ sessions: 2, memory: 100 });
    const order: number[] = [];
    const turns = [0, 1, 2, 3, 4].map(async (number) => {
      const turn = await queue.enter(1);
      order.push(number);
      return turn;
    });
    await settle();
    expect(order).toEqual([0, 1]);
    const second = await turns[1];
    second?.end();
    await settle();
    expect(order).toEqual([0, 1, 2]);
    for (const turn of turns) (await turn).end();
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it("keeps the sum of memory limits below its own, and admits one that is larger alone", async () => {
    stopTimers();
    const queue = new TurnQueue({ sessions: 10, memory: 100 });
    const small = await queue.enter(60);
    const admitted: string[] = [];
    const large = queue.enter(1000).then((turn) => {
      admitted.push("large");
      return turn;
    });
    const next = queue.enter(10).then((turn) => {
      admitted.push("next");
      return turn;
    });
    await settle();
    expect(admitted).toEqual([]);
    small.end();
    const first = await large;
    expect(admitted).toEqual(["large"]);
    first.end();
    (await next).end();
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it("lets go at once of one whose signal aborts while it waits, and of no other", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const holder = await queue.enter(1);
    const { end, done } = lasting(holder);
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = [queue.enter(1, first.signal), queue.enter(1, second.signal)];
    first.abort(new Error("changed my mind"));
    await expect(waiting[0]).rejects.toMatchObject({
      code: "CANCELLED",
      cause: { message: "changed my mind" },
    });
    await expect(queue.enter(1, first.signal)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(queue.counts).toEqual({ holding: 1, waiting: 1 });
    end();
    await done;
    holder.end();
    (await waiting[1])?.end();
    second.abort();
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it("a large one that leaves the line makes way for the small ones behind it", async () => {
    const queue = new TurnQueue({ sessions: 10, memory: 100 });
    const holder = lasting(await queue.enter(60));
    const impatient = new AbortController();
    const large = queue.enter(1000, impatient.signal);
    const small = queue.enter(10);
    impatient.abort();
    await expect(large).rejects.toMatchObject({ code: "CANCELLED" });
    (await small).end();
    holder.end();
  });

  it("takes the turn of a session that does nothing, and gives it back before anyone new", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const idle = await queue.enter(1);
    const busy = await queue.enter(1);
    const { end, done } = lasting(busy);
    const order: string[] = [];
    const arriving = queue.enter(1).then((turn) => {
      order.push("arriving");
      turn.end();
    });
    const returning = idle.use(async () => {
      order.push("returning");
    });
    await settle();
    expect(order).toEqual([]);
    end();
    await done;
    busy.end();
    await returning;
    idle.end();
    await arriving;
    expect(order).toEqual(["returning", "arriving"]);
  });

  it("never takes the turn of a session in whose engine something runs", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const holder = await queue.enter(1);
    const { end, done } = lasting(holder);
    let admitted = false;
    const waiting = queue.enter(1).then((turn) => {
      admitted = true;
      turn.end();
    });
    await holder.use(async () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(admitted).toBe(false);
    end();
    await done;
    await waiting;
    holder.end();
  });

  it("a session that ends while it waits for its turn leaves none taken", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const first = await queue.enter(1);
    const second = await queue.enter(1);
    const { end, done } = lasting(second);
    const late = first.use(async () => "run");
    first.end();
    end();
    await done;
    second.end();
    expect(await late).toBe("run");
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it("two calls of one session that has lost its turn take one", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const first = await queue.enter(7);
    const second = await queue.enter(7);
    const { end, done } = lasting(second);
    const both = Promise.all([first.use(async () => 1), first.use(async () => 2)]);
    end();
    await done;
    second.end();
    expect(await both).toEqual([1, 2]);
    first.end();
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it("tells when no call runs any more, be there none, one or two", async () => {
    const queue = new TurnQueue({ sessions: 1, memory: 100 });
    const turn = await queue.enter(1);
    await turn.quiet();
    const order: string[] = [];
    const [first, second] = [lasting(turn), lasting(turn)];
    const waits = [turn.quiet(), turn.quiet()].map((quiet) => quiet.then(() => order.push("quiet")));
    await settle();
    first.end();
    await first.done;
    await settle();
    order.push("one runs");
    second.end();
    await Promise.all([second.done, ...waits]);
    expect(order).toEqual(["one runs", "quiet", "quiet"]);
    turn.end();
    expect(queue.counts).toEqual({ holding: 0, waiting: 0 });
  });

  it.each([{ sessions: 0 }, { sessions: 1.5 }, { memory: -1 }, { memory: Number.NaN }])(
    "refuses the limits %j",
    (limits) => {
      expect(() => new TurnQueue(limits)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    },
  );
});
