/**
 * Reads what goes from thread to thread as flat numbers: rows of `fields` numbers, each made into an object by `read`,
 * which is given the field at an index.
 */
export function readRows<T>(
  values: Float64Array,
  fields: number,
  read: (field: (index: number) => number) => T,
): T[] {
  const rows: T[] = [];
  let at = 0;
  const field = (index: number): number => values[at + index] ?? 0;
  for (; at + fields <= values.length; at += fields) rows.push(read(field));
  return rows;
}
