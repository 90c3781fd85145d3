import type { Mistake } from "./mistake.ts";

/** Mistakes in fetching source files. */
export const sourceMistakes: readonly Mistake[] = [
  {
    what: "Ranges of another file of the same size are put together.",
    file: "http-download.ts",
    find: "validatorOf(answer) === rest.validator;",
    replace: "true;",
    test: "sources/http-sources.test.ts",
    name: "is refused if it is replaced between ranges",
  },
  {
    what: "A body that ends early is taken for whole.",
    file: "http-download.ts",
    find: "    if (length !== undefined && received !== length) throw wrongLength(received, length);\n",
    replace: "",
    test: "sources/http-sources.test.ts",
    name: "does not believe a server that answers with fewer bytes",
  },
  {
    what: "A whole download that is repeated keeps the end of the longer one before.",
    file: "http-download.ts",
    find: "  await file.clear();\n",
    replace: "",
    test: "sources/http-sources.test.ts",
    name: "in one request begins again when it is cut",
  },
  {
    what: "A redirect from HTTPS to HTTP on this machine is followed.",
    file: "http-request.ts",
    find: 'from.protocol === "https:" || !isGuarded(to)',
    replace: "!isGuarded(to)",
    test: "sources/http-sources.test.ts",
    name: "from an HTTPS address is not led to HTTP",
  },
  {
    what: "User and password are sent to where a redirect leads.",
    file: "http-request.ts",
    find: "const own = to.origin === from.origin;",
    replace: "const own = true;",
    test: "sources/http-sources.test.ts",
    name: "follows redirects, keeps to where they led",
  },
  {
    what: "An object that was replaced during the copy is read.",
    file: "object-source.ts",
    find: "if (after !== undefined && after.size === info.size && versionOf(after) === versionOf(info)) return;",
    replace: "if (after !== undefined) return;",
    test: "sources/s3-sources.test.ts",
    name: "is refused if it is replaced while it is read",
  },
  {
    what: "An address is shown with its query.",
    file: "address.ts",
    find: 'open.replace(/[?#].*$/s, "")',
    replace: "open",
    test: "sources/http-sources.test.ts",
    name: "is refused after the one answer 403",
  },
  {
    what: "Copies of source files are left behind.",
    file: "fetched-source.ts",
    find: "    await removeTemporaryFolder(folder);\n",
    replace: "",
    test: "sources/http-sources.test.ts",
    name: "is refused after the one answer 403",
  },
];
