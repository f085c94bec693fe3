import { isSeq, type Node } from 'yaml';
import { duplicateKey, type Position, type Problem } from './problem.ts';
import type { Field, YamlSource } from './yaml-source.ts';

/** A field and where the items of its list stand. */
export interface Place extends Field {
  readonly items: readonly Position[];
}

export interface CollectedFields {
  readonly fields: ReadonlyMap<string, Place>;
  /** Their plain values, ready for a schema. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly duplicates: readonly Problem[];
}

/** The fields of a mapping by key. Of a key that stands twice, the first counts. */
export function collectFields(list: readonly Field[], source: YamlSource, owner: string): CollectedFields {
  const fields = new Map<string, Place>();
  const duplicates: Problem[] = [];
  for (const field of list) {
    const first = fields.get(field.key);
    if (first !== undefined) duplicates.push(duplicateKey(field.key, field.at, first.at, owner));
    else fields.set(field.key, { ...field, items: itemPositions(field.value, source) });
  }
  // `fromEntries` makes even `__proto__` an ordinary key.
  const values = Object.fromEntries([...fields].map(([key, { value }]) => [key, source.plain(value)]));
  return { fields, values, duplicates };
}

function itemPositions(value: Node | undefined, source: YamlSource): readonly Position[] {
  return isSeq(value) ? value.items.map(source.position) : [];
}
