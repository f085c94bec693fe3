import type { EgressRule } from '../../model/egress-rule.ts';
import { type Item, list } from '../reader/list.ts';
import type { Problem } from '../reader/problem.ts';
import { type Place, problemAt, type Reads } from '../reader/schema.ts';
import { type PlacedRule, rule } from './rule.ts';

/** Of one client. A file of 1 MiB has room for some 20 000. */
const MAX_RULES = 20_000;

const all = list(rule, {
  item: 'rule',
  items: 'rules',
  max: MAX_RULES,
  noun: 'list of rules',
  remedy: 'begin each rule with a dash: "- host: archive.ubuntu.com"',
});

/** The rules of one client, in their order, which decides. */
export const rules: Reads<readonly EgressRule[]> = (written, place, source) => {
  const read = all(written, place, source);
  if (read.value === undefined) return { problems: read.problems };
  return {
    value: read.value.map(({ number, value }) => ({ number, ...value.rule })),
    problems: [...read.problems, ...findRepeated(read.value, place)],
  };
};

/** Warnings for rules that ask for the same as an earlier one: they never decide anything. */
function findRepeated(list: readonly Item<PlacedRule>[], { owner }: Place): readonly Problem[] {
  const firsts = new Map<string, Item<PlacedRule>>();
  return list.flatMap((item) => {
    const { host, ports, methods = [], paths = [] } = item.value.rule;
    const key = JSON.stringify([host, ports.toSorted(), methods.toSorted(), paths.toSorted()]);
    const first = firsts.get(key);
    if (first === undefined) {
      firsts.set(key, item);
      return [];
    }
    const message = `rule ${item.number}${owner} is never used: rule ${first.number} in line ${first.value.at.line} matches the same and comes first`;
    return [problemAt({ key: 'host', at: item.value.at }, message, 'take out one of the two', 'warning')];
  });
}
