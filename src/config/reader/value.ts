import { isSeq } from 'yaml';
import type { Judge } from './judge.ts';
import { problemAt, type Reads, type Written } from './schema.ts';
import type { YamlSource } from './yaml-source.ts';

/** A scalar, or a list of them: whatever a judge makes of its plain form. */
export function value<T>(judge: Judge<T>): Reads<T> {
  const reads: Reads<T> = (written, place, source) => {
    const verdict = judge(plainOf(written, source));
    if ('value' in verdict) return { value: verdict.value, problems: [] };
    const problems = verdict.faults.map(({ wrong, remedy, item }) => {
      const guilty = item !== undefined && isSeq(written) ? written.items[item] : undefined;
      const at = guilty === undefined ? place.at : source.position(guilty);
      return problemAt({ key: place.key, at }, `${place.name} ${wrong}`, remedy);
    });
    return { problems };
  };
  return judge.accepts === undefined ? reads : Object.assign(reads, { accepts: judge.accepts });
}

/** `YamlSource.plain`, and undefined where there is no such key. */
export function plainOf(written: Written, source: YamlSource): unknown {
  return written === undefined ? undefined : source.plain(written ?? undefined);
}
