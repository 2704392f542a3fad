/** A Markdown table whose source reads well: columns padded to one width. Cells must not contain line ends. */
export function alignMarkdown(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = heading.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [
    line(cells[0]!),
    `|${widths.map((width) => `:${'-'.repeat(width)}:`).join('|')}|`,
    ...cells.slice(1).map(line),
  ].join('\n');
}
