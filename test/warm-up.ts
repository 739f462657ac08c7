/**
 * Child processes run the sources, whose types are stripped and whose code is compiled anew in each of them. Node keeps
 * both in a cache (https://nodejs.org/api/module.html#module-compile-cache), which a process that is killed never writes: so
 * all of it is loaded once beforehand.
 */
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export default function warmUp(): void {
  const source = join(import.meta.dirname, "../src");
  const modules = globSync("**/*.ts", { cwd: source })
    .filter((file) => !file.startsWith("sample") && file !== join("cli", "main.ts"))
    .map((file) => pathToFileURL(join(source, file)).href);
  const load = `for (const module of ${JSON.stringify(modules)}) await import(module);`;
  execFileSync(process.execPath, ["--input-type=module", "--eval", load], { stdio: "inherit" });
}
