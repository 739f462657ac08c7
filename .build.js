/**
 * Builds the published code; `tsc` adds the types. Each file that is loaded adds to the time of a launch, so what
 * every launch needs stands in one; what only some launches need is loaded when they need it.
 */
import { rmSync } from "node:fs";
import { build } from "rolldown";

rmSync("dist", { recursive: true, force: true });

await build({
  input: {
    index: "src/index.ts",
    worker: "src/worker.ts",
    "cli/main": "src/cli/main.ts",
    "sample/main": "src/sample/main.ts",
  },
  platform: "node",
  external: (id) => /^[^./]/.test(id) && id !== "smol-toml",
  transform: { target: "node22.15" },
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    sourcemap: true,
    comments: { legal: true },
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting: {
      groups: [
        { name: "core", tags: ["$initial"], test: /src\/(?!cli|sample|worker|platform\/crew)|smol-toml/, priority: 2 },
        {
          name: "check",
          test: /src\/(database\/(examine|check|integrity|look|log-fit|read-raw)|platform\/free-space)/,
        },
        {
          name: "backup",
          test: /src\/backups\/(take|behind|verify|survey|set-aside|checksum-file|index-file|due|choose)/,
        },
      ],
    },
  },
});
