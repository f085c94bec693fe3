import { DEFAULT_POLICING, type Policing } from '../model/limits.ts';
import { DEFAULT_SETTINGS, type DebugLevel, SETTING_BOUNDS, type Settings } from '../model/settings.ts';
import type { CollectedFields } from './collect-fields.ts';
import { faultProblem, type Surroundings, unknownKey } from './faults.ts';
import { ALL_LIMITS, limitsMapping, parseLimits } from './limits.ts';
import { metricsListen } from './listen-address.ts';
import type { Problem } from './problem.ts';
import { REQUIRED_KEY, requiredJudge } from './required.ts';
import { processOwner } from './user-name.ts';
import { fault, type Judge } from './verdict.ts';
import { wholeNumber } from './whole-number.ts';
import { describe } from './written.ts';
import type { YamlSource } from './yaml-source.ts';

/** The list of services; the other keys are settings. */
export const SERVICES_KEY = 'tproxy';
/** Every top level key that begins so is ours. */
export const KEY_PREFIX = 'tproxy';

const DEBUG_LEVELS: readonly DebugLevel[] = [0, 1, 2, 3];
const debugLevel: Judge<DebugLevel> = (written) => {
  const value = DEBUG_LEVELS.find((level) => String(level) === written);
  if (value !== undefined) return { value };
  const wrong = `${describe(written)}, which is no debug level`;
  return fault(wrong, 'write 0 (errors), 1 (warnings), 2 (information) or 3 (debugging)');
};

const seconds = (name: keyof typeof SETTING_BOUNDS) =>
  wholeNumber('time in seconds', ...SETTING_BOUNDS[name]);

/** Settings by the key that they have in the file. */
export const SETTING_KEYS: Readonly<Record<keyof Settings, string>> = {
  debugLevel: 'tproxy_debug_level',
  drainTimeoutS: 'tproxy_drain_timeout',
  lingerTimeoutS: 'tproxy_linger_timeout',
  connectTimeoutS: 'tproxy_connect_timeout',
  keepaliveS: 'tproxy_keepalive',
  idleTimeoutS: 'tproxy_idle_timeout',
  workers: 'tproxy_workers',
  processOwner: 'tproxy_process_owner',
  metricsListen: 'tproxy_metrics_listen',
  limits: 'tproxy_limits',
};

/** Who judges the value of a setting. */
export const SETTING_JUDGES = {
  debugLevel,
  drainTimeoutS: seconds('drainTimeoutS'),
  lingerTimeoutS: seconds('lingerTimeoutS'),
  connectTimeoutS: seconds('connectTimeoutS'),
  keepaliveS: seconds('keepaliveS'),
  idleTimeoutS: seconds('idleTimeoutS'),
  workers: wholeNumber('number of threads', ...SETTING_BOUNDS.workers),
  processOwner,
  metricsListen,
  limits: limitsMapping(ALL_LIMITS),
} as const satisfies Readonly<Record<keyof Settings, Judge<unknown>>>;
const KNOWN = [SERVICES_KEY, ...Object.values(SETTING_KEYS), REQUIRED_KEY];

/** The settings among our top level keys. A missing, empty or faulty one keeps its default. */
export function parseSettings(
  { values, fields }: CollectedFields,
  source: YamlSource,
): {
  readonly settings: Settings;
  readonly policing: Policing;
  readonly required: boolean;
  readonly problems: readonly Problem[];
} {
  const around: Surroundings = { fields, whole: { line: 1, column: 1 }, owner: '', known: KNOWN };
  const unknown = Object.keys(values).filter((key) => !KNOWN.includes(key));
  const problems = unknown.map((key) => unknownKey(key, around));

  type Judged<N extends keyof Settings> = (typeof SETTING_JUDGES)[N] extends Judge<infer T> ? T : never;
  function take<N extends keyof Settings>(name: N): Judged<N> | undefined {
    return judgedBy(SETTING_JUDGES[name] as Judge<Judged<N>>, SETTING_KEYS[name]);
  }
  function judgedBy<T>(judge: Judge<T>, key: string): T | undefined {
    const written = values[key];
    if (written === undefined || written === null) return undefined;
    const verdict = judge(written);
    if ('value' in verdict) return verdict.value;
    problems.push(...verdict.faults.map((found) => faultProblem(key, found, around)));
    return undefined;
  }

  const owner = take('processOwner');
  const listen = take('metricsListen');
  take('limits');
  const ofAll = parseLimits(
    fields.get(SETTING_KEYS.limits)?.value,
    ALL_LIMITS,
    source,
    ` of :${SETTING_KEYS.limits}:`,
  );
  problems.push(...ofAll.problems);
  const { portRate, portBandwidth, ...limits } = ofAll.limits;
  const policing = {
    portRate: portRate ?? DEFAULT_POLICING.portRate,
    portBandwidth: portBandwidth ?? DEFAULT_POLICING.portBandwidth,
  };
  const settings: Settings = {
    debugLevel: take('debugLevel') ?? DEFAULT_SETTINGS.debugLevel,
    drainTimeoutS: take('drainTimeoutS') ?? DEFAULT_SETTINGS.drainTimeoutS,
    lingerTimeoutS: take('lingerTimeoutS') ?? DEFAULT_SETTINGS.lingerTimeoutS,
    connectTimeoutS: take('connectTimeoutS') ?? DEFAULT_SETTINGS.connectTimeoutS,
    keepaliveS: take('keepaliveS') ?? DEFAULT_SETTINGS.keepaliveS,
    idleTimeoutS: take('idleTimeoutS') ?? DEFAULT_SETTINGS.idleTimeoutS,
    workers: take('workers') ?? DEFAULT_SETTINGS.workers,
    limits,
    ...(owner === undefined ? {} : { processOwner: owner }),
    ...(listen === undefined ? {} : { metricsListen: listen }),
  };
  const required = judgedBy(requiredJudge, REQUIRED_KEY) ?? false;
  return { settings, policing, required, problems };
}
