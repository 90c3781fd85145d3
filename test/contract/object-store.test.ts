import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { storeBelow } from "../../src/storage/store-below.ts";
import { describeObjectStore } from "./object-store.ts";

describeObjectStore("local disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varve disk %20 ü "));
  let roots = 0;
  return {
    open: async (clients) => {
      const root = join(folder, `root ${++roots}`);
      return Array.from({ length: clients }, () => localDiskStore(root));
    },
    close: () => rm(folder, { recursive: true }),
  };
});

describeObjectStore("memory", async () => {
  let roots = 0;
  return {
    open: async (clients) => {
      const name = `contract-${++roots}`;
      return Array.from({ length: clients }, () => memoryStore(name, "table/one"));
    },
  };
});

describeObjectStore("a folder of a local disk store", async () => {
  const folder = await mkdtemp(join(tmpdir(), "varve-below-"));
  let roots = 0;
  return {
    open: async (clients) => {
      const root = join(folder, `root ${++roots}`);
      return Array.from({ length: clients }, () => storeBelow(localDiskStore(root), "_quarantine/ä %20"));
    },
    close: () => rm(folder, { recursive: true }),
    manyObjects: 200,
    raceRounds: 2,
  };
});
