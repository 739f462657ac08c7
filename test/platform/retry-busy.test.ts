import { afterEach, describe, expect, test, vi } from "vitest";
import { retryBusy } from "../../src/platform/retry-busy.ts";

/** Fails with the codes one after the other, then returns "done". */
function failing(...codes: readonly string[]): { task: () => string; calls: () => number } {
  let calls = 0;
  const task = () => {
    const code = codes[calls++];
    if (code !== undefined) throw Object.assign(new Error(`${code}: not now`), { code });
    return "done";
  };
  return { task, calls: () => calls };
}

const always = (code: string) => failing(...Array<string>(1000).fill(code));

afterEach(() => {
  vi.restoreAllMocks();
});

describe("on Windows", () => {
  test.each(["EPERM", "EACCES", "EBUSY"])("%s passes, and the call succeeds soon after", (code) => {
    const { task, calls } = failing(code, code, code);
    expect(retryBusy(task, "win32")).toBe("done");
    expect(calls()).toBe(4);
  });

  test("what succeeds is called once", () => {
    const { task, calls } = failing();
    expect(retryBusy(task, "win32")).toBe("done");
    expect(calls()).toBe(1);
  });

  test.each(["ENOENT", "EEXIST", "ENOSPC", "EIO", "EROFS", "SQLITE_BUSY"])(
    "%s does not pass: thrown at once",
    (code) => {
      const { task, calls } = failing(code);
      expect(() => retryBusy(task, "win32")).toThrow(expect.objectContaining({ code }));
      expect(calls()).toBe(1);
    },
  );

  test("another error after a passing one is thrown", () => {
    const { task, calls } = failing("EBUSY", "ENOENT");
    expect(() => retryBusy(task, "win32")).toThrow("ENOENT");
    expect(calls()).toBe(2);
  });

  test("an error without a code is thrown at once", () => {
    const task = vi.fn(() => {
      throw new Error("plain");
    });
    expect(() => retryBusy(task, "win32")).toThrow("plain");
    expect(task).toHaveBeenCalledTimes(1);
  });

  test("after five seconds the last error is thrown as it is", () => {
    const { task, calls } = always("EPERM");
    const begun = Date.now();
    let elapsed = 0;
    vi.spyOn(Date, "now").mockImplementation(() => {
      elapsed += 600;
      return begun + elapsed;
    });
    expect(() => retryBusy(task, "win32")).toThrow(
      expect.objectContaining({ code: "EPERM", message: "EPERM: not now" }),
    );
    expect(calls()).toBeGreaterThan(3);
    expect(elapsed).toBeGreaterThanOrEqual(5000);
    expect(elapsed).toBeLessThan(7000);
  });
});

describe("elsewhere the codes mean what they say", () => {
  test.each(["linux", "darwin", "freebsd"] as const)("%s", (platform) => {
    const { task, calls } = failing("EPERM");
    expect(() => retryBusy(task, platform)).toThrow("EPERM");
    expect(calls()).toBe(1);
    expect(retryBusy(task, platform)).toBe("done");
  });
});
