/** Pages come as they are in the file, in whatever order they are asked for. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ReadAhead } from "../../../src/recovery/salvage/read-ahead.ts";
import { scratchFolder } from "../../fixtures/scratch-folder.ts";

/** Each page is full of its own number, and the last is cut short. */
function makeFile(pageSize: number, pages: number): string {
  const file = join(scratchFolder(), "pages");
  const bytes = Buffer.concat(Array.from({ length: pages }, (_, at) => Buffer.alloc(pageSize, at + 1)));
  writeFileSync(file, bytes.subarray(0, bytes.length - 100));
  return file;
}

describe.each([512, 4096, 65536])("pages of %d bytes", (pageSize) => {
  test("forwards, backwards and from one end to the other", () => {
    const pages = 250;
    const fd = openSync(makeFile(pageSize, pages), "r");
    const ahead = new ReadAhead(fd, pageSize);
    const into = Buffer.alloc(pageSize);
    const forwards = Array.from({ length: pages }, (_, at) => at + 1);
    const ends = forwards.flatMap((page) => [page, pages + 1 - page]);
    try {
      for (const page of [...forwards, ...forwards.toReversed(), ...ends]) {
        expect(ahead.read(page, into)).toBe(true);
        const expected = Buffer.alloc(pageSize, page);
        if (page === pages) expected.fill(0, pageSize - 100);
        expect(into.equals(expected)).toBe(true);
      }
    } finally {
      closeSync(fd);
    }
  });
});

test.skipIf(process.platform !== "linux")(
  "a page that the medium cannot give is told as lost, each time it is asked for",
  () => {
    // Nothing is mapped at the beginning of a process's memory: reading there is an I/O error.
    const fd = openSync("/proc/self/mem", "r");
    const ahead = new ReadAhead(fd, 4096);
    try {
      const read = [1, 2, 1].map((page) => ahead.read(page, Buffer.alloc(4096)));
      expect(read).toEqual([false, false, false]);
    } finally {
      closeSync(fd);
    }
  },
);
