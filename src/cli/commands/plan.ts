import { plan as foresee } from "../../guard.ts";
import type { LaunchReport } from "../../report.ts";
import type { Command } from "../command.ts";
import { renderLaunch } from "../render/launch.ts";

export const plan: Command<LaunchReport> = {
  name: "plan",
  purpose: "Say what a launch would do now, and why, without doing it.",
  example: "plan --app-version 1.4.0",
  refused: "would-refuse",
  run: foresee,
  render: renderLaunch,
};
