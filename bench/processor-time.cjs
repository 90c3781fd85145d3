// Loaded before a program that is measured: tells its processor time, in microseconds, when it ends.
process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  require("node:fs").writeSync(3, String(user + system));
});
