import { doctor as examine } from "../../manual.ts";
import type { DoctorReport } from "../../operations/doctor.ts";
import type { Command } from "../command.ts";
import { renderDoctor } from "../render/doctor.ts";

export const doctor: Command<DoctorReport> = {
  name: "doctor",
  purpose: "Say whether everything is as it should be, and what helps where it is not; nothing is changed.",
  example: "doctor --app-version 1.3.0",
  refused: "refused",
  run: examine,
  render: renderDoctor,
};
