import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readSmallFile } from "../../src/platform/small-file.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";

const LIMIT = 1000;

describe("a small file is read", () => {
  test.each([
    ["with some text", "größer\n"],
    ["that is empty", ""],
    ["as large as it may be", "x".repeat(LIMIT)],
  ])("%s", (_, text) => {
    const file = join(scratchFolder(), "file");
    writeFileSync(file, text);
    expect(readSmallFile(file, { limit: LIMIT })).toBe(text);
  });

  test("under a second name, and by a link where that may be", () => {
    const folder = scratchFolder();
    const [file, name, link] = ["file", "name", "link"].map((each) => join(folder, each)) as [string, string, string];
    writeFileSync(file, "text");
    linkSync(file, name);
    symlinkSync(file, link);
    expect(readSmallFile(name, { limit: LIMIT })).toBe("text");
    expect(readSmallFile(link, { limit: LIMIT, followLinks: true })).toBe("text");
  });
});

describe.skipIf(process.platform === "win32")("nothing is read of", () => {
  test.each<[string, (file: string) => unknown, RegExp]>([
    ["a file that is not there", () => {}, /^ENOENT/],
    ["a folder", (file) => mkdirSync(file), /^it is a folder$/],
    ["a FIFO that nobody writes to", (file) => execFileSync("mkfifo", [file]), /^it is no regular file$/],
    ["a link", (file) => symlinkSync("/etc/hostname", file), /^ELOOP/],
    ["a link in a circle", (file) => symlinkSync(file, file), /^ELOOP/],
    [
      "a file that is too large",
      (file) => writeFileSync(file, "x".repeat(LIMIT + 1)),
      /^it has 1001 bytes, where 1000/,
    ],
    [
      "a file that is huge",
      (file) => {
        writeFileSync(file, "");
        truncateSync(file, 2 ** 40);
      },
      /^it has 1099511627776 bytes/,
    ],
  ])("%s", (_, put, why) => {
    const file = join(scratchFolder(), "file");
    put(file);
    expect(() => readSmallFile(file, { limit: LIMIT })).toThrow(why);
  });

  test("a device without an end, by a link", () => {
    expect(() => readSmallFile("/dev/zero", { limit: LIMIT, followLinks: true })).toThrow("it is no regular file");
  });

  test("a socket", async () => {
    const file = join(scratchFolder(), "file");
    const server = createServer().listen(file);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    expect(() => readSmallFile(file, { limit: LIMIT })).toThrow(/^ENXIO/);
  });
});
