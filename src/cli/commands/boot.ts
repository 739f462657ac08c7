import { guard } from "../../guard.ts";
import type { LaunchReport } from "../../report.ts";
import type { Command } from "../command.ts";
import { renderLaunch } from "../render/launch.ts";

export const boot: Command<LaunchReport> = {
  name: "boot",
  purpose: "Run the launch once: check, migrate or restore the database, back it up, and close it.",
  example: "boot --settings settings.toml --app-version 1.3.0",
  refused: "refused",
  async run(settings, options) {
    const library = await guard(settings, options);
    const abandon = () => void library.close({ backup: "abandon" }).catch(() => {});
    options.signal.addEventListener("abort", abandon);
    if (options.signal.aborted) abandon();
    await library.backup;
    await library.close();
    return library.report;
  },
  render: renderLaunch,
};
