/** The lines of the chart, from what was measured for the tables. */
import type { Line } from "./cost-chart.ts";
import { besidePipeline } from "./quiet-beside-pipeline.ts";
import { openedIn, quietOpen } from "./quiet-open.ts";
import { median } from "./statistics.ts";

/** All with their modules loaded, as the first launch of their process. */
export function linesOfCost(): Line[] {
  const quiet = [...quietOpen.measured].map(([size, { loaded }]) => ({ size, loaded }));
  const pipeline = [...besidePipeline.measured].map(([size, { loaded }]) => ({ size, loaded }));
  const lines: Line[] = [
    {
      name: "pipeline by hand",
      colour: "#cf222e",
      points: pipeline.map(({ size, loaded }) => [size, median(loaded["by-hand"].map((each) => each.backedUp))]),
    },
    {
      name: "Holdfast, quiet launch",
      colour: "#0969da",
      points: quiet.map(({ size, loaded }) => [size, openedIn(loaded.holdfast)]),
    },
    {
      name: "new Database + query",
      colour: "#6e7781",
      points: quiet.map(({ size, loaded }) => [size, openedIn(loaded.plain)]),
    },
  ];
  return lines.filter(({ points }) => points.length > 0);
}
