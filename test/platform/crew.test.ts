import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Crew, LOADED } from "../../src/platform/crew.ts";
import { scratchFolder } from "../fixtures/scratch-folder.ts";
import { hashOf } from "../fixtures/workspace.ts";

function crew(size: number): Crew {
  const made = new Crew(new URL("../../src/worker.ts", import.meta.url), []);
  made.size = size;
  onTestFinished(() => made.dismiss());
  return made;
}

function files(count: number): string[] {
  const folder = scratchFolder();
  return Array.from({ length: count }, (_, n) => {
    const file = join(folder, `file-${n}`);
    writeFileSync(file, `content ${n}`);
    return file;
  });
}

test("more work than threads is done all the same, and each gets its own result", async () => {
  const threads = crew(2);
  const paths = files(7);
  expect(await Promise.all(paths.map((path) => threads.run("digest", { path, markedAt: null })))).toEqual(
    paths.map(hashOf),
  );
});

test("what fails in a thread is thrown as what it was, and the thread works on", async () => {
  const threads = crew(1);
  const [path = ""] = files(1);
  await expect(threads.run("digest", { path: `${path}-gone`, markedAt: null })).rejects.toMatchObject({
    code: "IO_FAILED",
  });
  await expect(threads.run("no such job", {})).rejects.toThrow('there is no job "no such job"');
  expect(await threads.run("digest", { path, markedAt: null })).toBe(hashOf(path));
});

test("a crew that was dismissed fails what was at hand, and can be called again", async () => {
  const threads = crew(1);
  const [path = ""] = files(1);
  const cut = threads.run("digest", { path, markedAt: null });
  cut.catch(() => {});
  await threads.dismiss();
  await expect(cut).rejects.toThrow("ended before its work was done");
  expect(await threads.run("digest", { path, markedAt: null })).toBe(hashOf(path));
});

test("a thread that is still loading is ended only when it has loaded: a native addon would end the process with it", async () => {
  const [told = ""] = files(1);
  const slow = join(scratchFolder(), "slow.mjs");
  writeFileSync(
    slow,
    `import { readFileSync, writeFileSync } from "node:fs";
     import { parentPort } from "node:worker_threads";
     parentPort.on("message", () => {});
     setTimeout(() => { writeFileSync(${JSON.stringify(told)}, "loaded"); parentPort.postMessage(${JSON.stringify(LOADED)}); }, 300);`,
  );
  const threads = new Crew(pathToFileURL(slow), []);
  const cut = threads.run("any", {});
  const ended = threads.dismiss();
  await expect(cut).rejects.toThrow("ended before its work was done");
  await ended;
  expect(readFileSync(told, "utf8")).toBe("loaded");
});
