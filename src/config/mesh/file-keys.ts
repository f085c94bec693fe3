import { type Key, type Schema, withDefault } from '../reader/schema.ts';
import { requiredKey } from './required.ts';
import { services } from './services.ts';
import { SETTING_KEYS } from './settings.ts';

/** Every top level key that begins so is ours. */
export const KEY_PREFIX = 'tproxy';

/** Our top level keys of `OpenNebulaNetwork.conf`. */
export const FILE_KEYS = {
  services: withDefault('tproxy', services, [], { meaning: 'the services' }),
  ...SETTING_KEYS,
  required: requiredKey,
} as const satisfies Schema & Readonly<Record<'services' | 'required', Key<unknown>>>;
