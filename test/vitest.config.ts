import { join } from "node:path";
import { defineConfig } from "vitest/config";

const NODE_COMPILE_CACHE = join(import.meta.dirname, "../node_modules/.cache/holdfast-tests");
// For the warm-up, which is run by this process.
process.env.NODE_COMPILE_CACHE = NODE_COMPILE_CACHE;

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    globalSetup: "./warm-up.ts",
    env: { NODE_COMPILE_CACHE },
    pool: "forks",
    // Most of a test is a wait for a child process; by default one processor of two stays idle.
    maxWorkers: 2,
    // Only what hangs is to be ended: a busy machine may take many times as long as another.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
