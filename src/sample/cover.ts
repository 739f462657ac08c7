/** A plain cloth binding as SVG, in a colour that stays the book's own. */
export function drawCover(title: string, authors: string): string {
  const hue = [...title].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 360;
  const line = (y: number, size: number, text: string) =>
    `<text x="100" y="${y}" font-size="${size}" text-anchor="middle" fill="#f3ead3">${escapeXml(text)}</text>`;
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300">',
    `<rect width="200" height="300" fill="hsl(${hue} 35% 30%)"/>`,
    line(120, 14, title),
    line(260, 10, authors),
    "</svg>",
  ].join("");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
