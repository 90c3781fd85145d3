import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { startS3Server } from "../support/s3-server.ts";
import { describeObjectStore } from "./object-store.ts";

describeObjectStore("S3 (the server of the test support folder)", async () => {
  const server = await startS3Server({ pageCap: 97 });
  let roots = 0;
  return {
    open: async (clients) => {
      const prefix = `tables/räum %20+${++roots}`;
      return await Promise.all(
        Array.from({ length: clients }, () => s3Store("bucket", prefix, { ...server.options })),
      );
    },
    close: () => server.close(),
  };
});
