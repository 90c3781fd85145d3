import { describe, it } from "vitest";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { cephSkipReason, cephTools, startCeph } from "../support/ceph.ts";
import { describeObjectStore } from "./object-store.ts";

const tools = cephTools();

if (tools === undefined) {
  describe("object store contract: Ceph", () => {
    it.skip(cephSkipReason);
  });
  console.log(`object store contract on Ceph ${cephSkipReason}`);
} else {
  describeObjectStore("Ceph", async () => {
    const ceph = await startCeph(tools);
    let roots = 0;
    return {
      open: async (clients) => {
        const prefix = `contract ${++roots}/täble %20+`;
        return await Promise.all(
          Array.from({ length: clients }, () => s3Store(ceph.bucket, prefix, { ...ceph.options })),
        );
      },
      close: () => ceph.stop(),
      manyObjects: 1200,
    };
  });
}
