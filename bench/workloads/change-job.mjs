// One change by the built package, in a process of plain Node: what a compiler loads would count as the change's own.
import { readFileSync } from "node:fs";
import { openTable, query } from "../../dist/index.js";

process.once("message", async ({ table: folder, change }) => {
  // Loads the engine's library, as the import of deltalake does.
  await (await query("SELECT 1", { tables: {} })).arrow();
  const [started, before] = [performance.now(), process.cpuUsage()];
  const table = await openTable(folder);
  await carryOut(table, change);
  await table.close();
  const { user, system } = process.cpuUsage(before);
  const usage = {
    seconds: (performance.now() - started) / 1000,
    processorSeconds: (user + system) / 1e6,
    // Of this process alone: what the system tells of resources begins with the memory of the parent.
    peakBytes: Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024,
  };
  process.send(usage, () => process.disconnect());
});

/** @param {import("./change.ts").Change} change */
function carryOut(table, change) {
  switch (change.kind) {
    case "delete":
      return table.delete(change.where);
    case "update":
      return table.update({ set: change.set, where: change.where });
    case "compact":
      return table.optimize();
    case "zorder":
      return table.optimize({ zorderBy: change.columns, targetFileBytes: 32 * 1024 * 1024 });
    case "vacuum":
      return table.vacuum({ retainHours: 0, retentionCheck: false, dryRun: true });
  }
}
