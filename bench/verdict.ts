/**
 * What a verdict costs, canonical forms included, and what a large rule set adds to it: `npm run bench -- verdict`. Pairs of short rounds in
 * turn and processor time, so that a machine that is busy with other things slows both; told is the median of the pairs' ratios.
 */
import { createHash } from 'node:crypto';
import { canonicalTarget } from '../src/gateway/names/target.ts';
import type { ClientDefinition, Place } from '../src/gateway/rules/client.ts';
import { decide } from '../src/gateway/rules/decide.ts';
import { parseHostPattern } from '../src/gateway/rules/host-pattern.ts';
import { parsePathPattern } from '../src/gateway/rules/path-pattern.ts';
import type { Rule } from '../src/gateway/rules/rule.ts';
import { compileRuleSet, type RuleSet } from '../src/gateway/rules/rule-set.ts';

const ROUNDS = 200;
const VERDICTS_PER_ROUND = 10_000;
const GOALS = { verdictUs: 5, ratio: 1.05 } as const;

/** The rules that the questions are about; those of other hosts stand before, between and behind them. */
const ASKED = ['archive.ubuntu.com', '*.docker.io', 'api.github.com', 'deb.debian.org', '10.1.0.0/16'];
const URLS = [
  'http://archive.ubuntu.com/ubuntu/dists/noble/InRelease',
  'https://registry-1.docker.io/v2/library/debian/manifests/latest?ns=docker.io',
  'https://api.github.com/repos/acme/tproxy/issues?state=open',
  'http://Deb.Debian.org:80/debian/./pool/main/a/%61pt/',
  'http://10.1.2.3/metrics',
  'https://denied.example.com/',
];
const PLACE: Place = { vm: '1', network: 'isolated', networkId: '0' };

function rule(host: string, number: number): Rule {
  const [pattern, path] = [parseHostPattern(host), parsePathPattern('/**')];
  if ('fault' in pattern || 'fault' in path) throw new Error(`${host} is no pattern`);
  const common = { source: { file: 'tproxy_egress.yaml', line: number }, number, deny: false, host: pattern };
  const changes = { methods: undefined, requestHeaders: undefined, responseHeaders: undefined };
  return { ...common, ...changes, ports: [80, 443], passthrough: false, paths: [path] };
}

/** `count` rules in a row, those that are asked about spread evenly. */
function rules(count: number): Rule[] {
  const step = Math.floor(count / ASKED.length);
  return Array.from({ length: count }, (_, at) => {
    const asked = at % step === 0 ? ASKED[at / step] : undefined;
    const host =
      at % 3 === 0
        ? `*.zone-${at}.example`
        : at % 3 === 1
          ? `host-${at}.example`
          : `11.${at >> 8}.${at & 255}.0/24`;
    return rule(asked ?? host, at + 1);
  });
}

function client(name: string, count: number, vm: number): ClientDefinition {
  const tokenHash = createHash('sha256').update(name).digest();
  const source = { file: 'tproxy_egress.yaml', line: 1 };
  return { name, source, tokenHash, networks: undefined, vms: new Set([String(vm)]), rules: rules(count) };
}

const small = compileRuleSet([client('web-1', 10, 1)]);
const subjects = {
  '500 clients with 20 rules each': compileRuleSet(
    Array.from({ length: 500 }, (_, at) => client(`web-${at}`, 20, at)),
  ),
  'one client with 10 000 rules': compileRuleSet([client('web-1', 10_000, 1)]),
};

/** Microseconds of processor time for one verdict. */
function round(set: RuleSet): number {
  let allowed = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < VERDICTS_PER_ROUND; i += 1) {
    const target = canonicalTarget(URLS[i % URLS.length] ?? '');
    if ('refused' in target) throw new Error(target.refused);
    const { client: who } = set.identify(PLACE, { kind: 'nothing' });
    const { host, port } = target.authority;
    if (decide(who, { host, port, method: 'GET', path: target.path }).allowed) allowed += 1;
  }
  const { user, system } = process.cpuUsage(before);
  if (Math.abs(allowed / VERDICTS_PER_ROUND - 5 / 6) > 0.01) throw new Error(`${allowed} allowed`);
  return (user + system) / VERDICTS_PER_ROUND;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

let missed = false;
for (const [name, large] of Object.entries(subjects)) {
  const pairs: [small: number, large: number][] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    // Who goes first takes turns, too.
    const [first, second] = i % 2 === 0 ? [small, large] : [large, small];
    const took = [round(first), round(second)] as const;
    pairs.push(i % 2 === 0 ? [took[0], took[1]] : [took[1], took[0]]);
  }
  const settled = pairs.slice(ROUNDS / 4);
  const ratio = median(settled.map(([one, other]) => other / one));
  const [smallUs, largeUs] = [median(settled.map(([one]) => one)), median(settled.map(([, other]) => other))];
  missed ||= ratio > GOALS.ratio || largeUs > GOALS.verdictUs;
  console.log(
    `${name}: ${largeUs.toFixed(2)} µs a verdict, with 10 rules ${smallUs.toFixed(2)} µs: ${ratio.toFixed(3)} ×`,
  );
}
console.log(`goals: ${GOALS.verdictUs} µs, ${GOALS.ratio} × at most: ${missed ? 'missed' : 'reached'}`);
process.exitCode = missed ? 1 : 0;
