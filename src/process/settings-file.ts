import { readFileSync, writeFileSync } from 'node:fs';
import type { Settings } from '../model/settings.ts';
import { replaceFile } from '../replace-file.ts';
import { SETTINGS_FILE } from './paths.ts';
import { parseSettings, settingsText } from './settings-json.ts';

/** Keeps the settings of the last reload for a forwarder that is started again after a crash. */
export function saveSettings(settings: Settings): void {
  const text = `${settingsText(settings)}\n`;
  replaceFile(SETTINGS_FILE, (fresh) => writeFileSync(fresh, text, { mode: 0o600 }));
}

/** The settings kept, or undefined when there are none that can be read. */
export function savedSettings(): Settings | undefined {
  try {
    return parseSettings(JSON.parse(readFileSync(SETTINGS_FILE, 'utf8')));
  } catch {
    return undefined;
  }
}
