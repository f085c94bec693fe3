export interface Column {
  readonly title: string;
  /** Numbers stand under each other's last digit. */
  readonly align: 'left' | 'right';
}

/** Gives a cell its colour after it has its width. */
export type Paint = (text: string, column: number, row: number) => string;

/** Aligned lines, the titles first. Cells hold nothing that a terminal acts upon (`escapeForTerminal`). */
export function alignColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint = (text) => text,
): string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) =>
    Math.max(...[titles, ...rows].map((cells) => widthOf(cells[i] ?? ''))),
  );
  const line = (cells: readonly string[], row: number): string =>
    columns
      .map(({ align }, i) => {
        const text = cells[i] ?? '';
        const space = ' '.repeat((widths[i] ?? 0) - widthOf(text));
        const last = i === columns.length - 1;
        const painted = row < 0 ? text : paint(text, i, row);
        if (align === 'right') return space + painted;
        return last ? painted : painted + space;
      })
      .join('  ')
      .trimEnd();
  return [line(titles, -1), ...rows.map(line)];
}

/** Cells that a text takes on a terminal: CJK and emoji take two, marks on letters none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** As much of the beginning of `text` as `width` cells hold. */
export function cutToWidth(text: string, width: number): string {
  let used = 0;
  let cut = '';
  for (const character of text) {
    used += widthOf(character);
    if (used > width) break;
    cut += character;
  }
  return cut;
}
