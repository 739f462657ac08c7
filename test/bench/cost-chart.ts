/** What a launch costs, by the size of the database: a picture with logarithmic axes, as SVG. */
import { label } from "./tables.ts";

export interface Line {
  readonly name: string;
  readonly colour: string;
  /** Megabytes and milliseconds. */
  readonly points: readonly (readonly [size: number, ms: number])[];
}

const WIDTH = 760;
const HEIGHT = 440;
const LEFT = 84;
const RIGHT = 24;
const TOP = 88;
const BOTTOM = 56;
const INK = "#1f2328";
const FAINT = "#d8dee4";

/** From a number to its place on an axis. */
type Scale = (value: number) => number;

export function drawChart(title: string, lines: readonly Line[]): string {
  const points = lines.flatMap((line) => line.points);
  const sizes = [...new Set(points.map(([size]) => size))].sort((a, b) => a - b);
  const decades = decadesOf(points.map(([, ms]) => ms));
  const x = logarithmic(sizes[0] ?? 1, sizes.at(-1) ?? 10, LEFT + 20, WIDTH - RIGHT - 20);
  const y = logarithmic(decades[0] ?? 1, decades.at(-1) ?? 10, HEIGHT - BOTTOM, TOP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="13" fill="${INK}" role="img">`,
    `<title>${escaped(title)}</title>`,
    // A page in dark colours shows the picture as it is, too.
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 28, "start", title, ' font-size="16" font-weight="600"'),
    ...drawLegend(lines),
    ...decades.flatMap((ms) => [
      `<line x1="${LEFT}" y1="${at(y(ms))}" x2="${WIDTH - RIGHT}" y2="${at(y(ms))}" stroke="${FAINT}"/>`,
      text(LEFT - 8, y(ms) + 4, "end", duration(ms)),
    ]),
    ...sizes.flatMap((size) => [
      `<line x1="${at(x(size))}" y1="${HEIGHT - BOTTOM}" x2="${at(x(size))}" y2="${HEIGHT - BOTTOM + 5}" stroke="${INK}"/>`,
      text(x(size), HEIGHT - BOTTOM + 20, "middle", label(size)),
    ]),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "middle", "size of the database (logarithmic)"),
    text(18, (TOP + HEIGHT - BOTTOM) / 2, "middle", "time (logarithmic)", rotated(18, (TOP + HEIGHT - BOTTOM) / 2)),
    ...lines.flatMap((line) => drawLine(line, x, y)),
    "</svg>",
    "",
  ].join("\n");
}

function drawLine({ name, colour, points }: Line, x: Scale, y: Scale): string[] {
  const placed = [...points].sort(([a], [b]) => a - b).map(([size, ms]) => ({ x: x(size), y: y(ms), ms }));
  const last = placed.at(-1);
  return [
    `<polyline points="${placed.map((each) => `${at(each.x)},${at(each.y)}`).join(" ")}" fill="none" stroke="${colour}" stroke-width="2.5"/>`,
    ...placed.map(
      (each) =>
        `<circle cx="${at(each.x)}" cy="${at(each.y)}" r="4" fill="${colour}"><title>${escaped(`${name}: ${duration(each.ms)}`)}</title></circle>`,
    ),
    ...(last ? [text(last.x, last.y - 10, "middle", duration(last.ms), ` font-weight="600" fill="${colour}"`)] : []),
  ];
}

function drawLegend(lines: readonly Line[]): string[] {
  const space = (WIDTH - LEFT - RIGHT) / Math.max(1, lines.length);
  return lines.flatMap(({ name, colour }, place) => {
    const left = LEFT + place * space;
    return [
      `<line x1="${at(left)}" y1="56" x2="${at(left + 24)}" y2="56" stroke="${colour}" stroke-width="2.5"/>`,
      `<circle cx="${at(left + 12)}" cy="56" r="4" fill="${colour}"/>`,
      text(left + 32, 60, "start", name),
    ];
  });
}

function logarithmic(least: number, most: number, from: number, to: number): Scale {
  const span = Math.log(most) - Math.log(least);
  return (value) => (span === 0 ? (from + to) / 2 : from + ((Math.log(value) - Math.log(least)) / span) * (to - from));
}

/** The powers of ten around all values. */
function decadesOf(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, place) => 10 ** (first + place));
}

function duration(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toPrecision(2))} s` : `${Number(ms.toPrecision(2))} ms`;
}

function text(x: number, y: number, anchor: "start" | "middle" | "end", words: string, more = ""): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;
}

function rotated(x: number, y: number): string {
  return ` transform="rotate(-90 ${x} ${y})"`;
}

function at(place: number): string {
  return String(Math.round(place * 10) / 10);
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
