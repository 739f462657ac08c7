/**
 * Builds the published code; `tsc` adds the types. Each file that is loaded adds to the time of a launch, so what
 * every launch needs stands in one; what only some launches need is loaded when they need it.
 */
import { rmSync } from "node:fs";
import { build, RolldownMagicString } from "rolldown";
import { parseAst } from "rolldown/parseAst";

/**
 * V8 compiles a function when it is first called, after it has parsed it once already to find its end; one that
 * stands in parentheses it compiles at once (https://v8.dev/blog/preparser#pife). Those of every launch are all
 * called, and the application does not wait for them while its modules load.
 */
const compiledAtOnce = {
  name: "compiled-at-once",
  renderChunk(code, { name }) {
    if (name !== "core") return null;
    const text = new RolldownMagicString(code);
    const { body } = parseAst(code);
    const top = body.find(({ type }) => type !== "ImportDeclaration")?.start ?? 0;
    for (const { type, id, start, end } of body) {
      if (type !== "FunctionDeclaration") continue;
      // As such a function is there from the beginning, it goes to the beginning.
      text.prependRight(start, `var ${id.name} = (`).appendLeft(end, ");\n");
      if (start !== top) text.move(start, end, top);
    }
    return text;
  },
};

rmSync("dist", { recursive: true, force: true });

await build({
  input: {
    index: "src/index.ts",
    worker: "src/worker.ts",
    "cli/main": "src/cli/main.ts",
    "sample/main": "src/sample/main.ts",
  },
  platform: "node",
  plugins: [compiledAtOnce],
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
        {
          name: "core",
          tags: ["$initial"],
          test: /src\/(?!cli|sample|worker|platform\/(crew|work-limit))|smol-toml/,
          priority: 2,
        },
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
