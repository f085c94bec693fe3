import type { Target } from './target.ts';
import { attachment, comment, configuration, template } from './targets/files.ts';
import { dns, opening, pattern, target } from './targets/gateway.ts';
import { control, handover } from './targets/messages.ts';
import { rules } from './targets/rules.ts';
import { ip, nftBridge, nftIp } from './targets/tables.ts';
import { log, names } from './targets/words.ts';

/** Every parser of what comes from outside. */
export const TARGETS: readonly Target[] = [
  ...[template, configuration, rules, attachment, comment],
  ...[nftIp, nftBridge, ip],
  ...[control, handover, names, log],
  ...[target, pattern, opening, dns],
];
