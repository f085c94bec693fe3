import { DEFAULT_LIMITS, isLimit, type Limits } from '../model/limits.ts';
import {
  DEBUG_LEVELS,
  DEFAULT_SETTINGS,
  MAX_TIMEOUT_S,
  MAX_WORKERS,
  type Settings,
} from '../model/settings.ts';

/** Settings from JSON made by this program (possibly by another version of it): what is missing or odd takes its default. */
export function parseSettings(value: unknown): Settings {
  const given = asRecord(value);
  const seconds = (key: keyof Settings & `${string}S`): number => {
    const candidate = given[key];
    return typeof candidate === 'number' && candidate >= 0 && candidate <= MAX_TIMEOUT_S
      ? candidate
      : DEFAULT_SETTINGS[key];
  };
  return {
    debugLevel: DEBUG_LEVELS.find((level) => level === given.debugLevel) ?? DEFAULT_SETTINGS.debugLevel,
    connectTimeoutS: seconds('connectTimeoutS'),
    lingerTimeoutS: seconds('lingerTimeoutS'),
    idleTimeoutS: seconds('idleTimeoutS'),
    keepaliveS: seconds('keepaliveS'),
    drainTimeoutS: seconds('drainTimeoutS'),
    workers: isWorkers(given.workers) ? given.workers : DEFAULT_SETTINGS.workers,
    limits: parseLimits(given.limits),
    ...(typeof given.processOwner === 'string' ? { processOwner: given.processOwner } : {}),
    ...(typeof given.metricsListen === 'string' ? { metricsListen: given.metricsListen } : {}),
  };
}

function isWorkers(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_WORKERS;
}

function parseLimits(value: unknown): Limits {
  const given = asRecord(value);
  const written = Object.keys(DEFAULT_LIMITS).filter((name) => isLimit(given[name]));
  return Object.fromEntries(written.map((name) => [name, given[name]]));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
}
