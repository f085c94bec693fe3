import { NFT_TABLE } from '../model/names.ts';
import { asArray, asObject, excerpt, type JsonObject, parseJson, UnreadableAnswerError } from './json.ts';

export interface NftObject {
  /** `table`, `map`, `set`, `chain`, `rule` … */
  readonly kind: string;
  readonly object: JsonObject;
}

/**
 * Objects of our table in the output of `nft -j list …`. An answer without the object that was asked for, of kind `asked`,
 * is nonsense: nft fails when there is none.
 */
export function nftObjects(
  text: string,
  family: 'ip' | 'bridge' | 'inet',
  asked: string,
  source: string,
): readonly NftObject[] {
  const answer = asObject(parseJson(text, source), source, 'the answer');
  const found: NftObject[] = [];
  for (const item of asArray(answer.nftables, source, '"nftables"')) {
    for (const [kind, value] of Object.entries(asObject(item, source, 'an item'))) {
      if (kind === 'metainfo') continue;
      const object = asObject(value, source, `a ${kind}`);
      const table = kind === 'table' ? object.name : object.table;
      if (object.family === family && table === NFT_TABLE) found.push({ kind, object });
    }
  }
  if (found.some(({ kind }) => kind === asked)) return found;
  throw new UnreadableAnswerError(source, `there is no ${asked} in it: ${excerpt(text)}`);
}
