import { DEFAULT_LIMITS, isLimit, type Limits } from '../model/limits.ts';
import { DEBUG_LEVELS, DEFAULT_SETTINGS, SETTING_BOUNDS, type Settings } from '../model/settings.ts';

/** Settings as JSON, and nothing else that whoever has them may have beside them. */
export function settingsText(settings: Settings): string {
  return JSON.stringify(parseSettings(settings));
}

/** Settings from JSON made by this program (possibly by another version of it): what is missing or odd takes its default. */
export function parseSettings(value: unknown): Settings {
  const given = asRecord(value);
  const whole = (name: keyof typeof SETTING_BOUNDS): number => {
    const candidate = given[name];
    const [least, most] = SETTING_BOUNDS[name];
    const isGood =
      Number.isInteger(candidate) && (candidate as number) >= least && (candidate as number) <= most;
    return isGood ? (candidate as number) : DEFAULT_SETTINGS[name];
  };
  return {
    debugLevel: DEBUG_LEVELS.find((level) => level === given.debugLevel) ?? DEFAULT_SETTINGS.debugLevel,
    connectTimeoutS: whole('connectTimeoutS'),
    lingerTimeoutS: whole('lingerTimeoutS'),
    idleTimeoutS: whole('idleTimeoutS'),
    keepaliveS: whole('keepaliveS'),
    drainTimeoutS: whole('drainTimeoutS'),
    workers: whole('workers'),
    limits: parseLimits(given.limits),
    ...(typeof given.processOwner === 'string' ? { processOwner: given.processOwner } : {}),
    ...(typeof given.metricsListen === 'string' ? { metricsListen: given.metricsListen } : {}),
  };
}

function parseLimits(value: unknown): Limits {
  const given = asRecord(value);
  const written = Object.keys(DEFAULT_LIMITS).filter((name) => isLimit(given[name]));
  return Object.fromEntries(written.map((name) => [name, given[name]]));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
}
